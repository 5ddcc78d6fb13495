package plot

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

func TestAxesEndAtPowersOfTen(t *testing.T) {
	a := newAxis([]float64{3, 1000}, 0, 300)
	if got := a.ticks(); len(got) != 4 || got[0] != 1 || got[3] != 1000 {
		t.Errorf("ticks %v", got)
	}
	for value, want := range map[float64]float64{1: 0, 10: 100, 1000: 300} {
		if got := a.position(value); got != want {
			t.Errorf("%v is at %v, want %v", value, got, want)
		}
	}
	if one := newAxis([]float64{10}, 0, 100); one.position(10) != 0 || len(one.ticks()) != 2 {
		t.Errorf("an axis of one value: %+v", one)
	}
}

func TestAChartIsXMLWithItsLabels(t *testing.T) {
	chart := Chart{
		Title: "a < b", XLabel: "objects", YLabel: "ms",
		Curves: []Curve{
			{Name: "one & two", Points: []Point{{1000, 2}, {1_000_000, 2.5}}},
			{Name: "empty"},
		},
	}
	svg := chart.SVG()
	var text strings.Builder
	for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
		if data, isText := token.(xml.CharData); isText {
			text.Write(data)
		}
	}
	for _, want := range []string{"a < b", "objects", "ms", "one & two", "1,000,000"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in %s", want, svg)
		}
	}
	if (Chart{}).SVG() == "" {
		t.Error("an empty chart is not drawn")
	}
}
