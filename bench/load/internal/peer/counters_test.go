package peer

import (
	"maps"
	"testing"
)

func TestCountersAreSumsOverTheirLabels(t *testing.T) {
	const text = "# HELP a_total what a is\n# TYPE a_total counter\na_total{kind=\"x\"} 3\n" +
		"a_total{kind=\"y\"} 4\na_total_more 100\nb_total 1e+06\n"
	got, err := CountersIn(text, "a_total", "b_total", "c_total")
	if want := map[string]float64{"a_total": 7, "b_total": 1e6}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if _, err := CountersIn("a_total many\n", "a_total"); err == nil {
		t.Error("a word is a number")
	}
}
