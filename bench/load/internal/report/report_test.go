package report

import (
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for want, figures := range map[float64][]float64{
		2: {3, 1, 2}, 2.5: {4, 1, 2, 3}, 7: {7},
	} {
		if got := Median(figures); got != want {
			t.Errorf("median of %v: got %v, want %v", figures, got, want)
		}
	}
}

func TestTargetsAreJudgedByTheMedians(t *testing.T) {
	r := &Report{Scenario: "store", Columns: []string{"ours", "theirs", "others"}}
	for _, figure := range []float64{1000, 12_000, 11_000} {
		r.Add("ours", "get", "/s", figure)
	}
	r.Add("theirs", "get", "/s", 5000)
	r.Add("ours", "latency", "ms", 3)
	r.Add("theirs", "latency", "ms", 2)
	r.Add("ours", "memory", "MB", 290)
	r.Add("ours", "alone", "s", 1)
	r.AddDetail("ours", "hidden", "s", 1)
	r.AddFault("get of others: refused")
	r.Judge(map[string]Target{
		"get":     {Of: "ours", Base: "theirs", Limit: 2, AtLeast: true},
		"latency": {Of: "ours", Base: "theirs", Limit: 1},
		"memory":  {Of: "ours", Limit: 300},
		"alone":   {Of: "ours", Base: "theirs", Limit: 1},
	})
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	want := `
store          ours  theirs  others  ours/theirs  target  met
get      /s  11,000   5,000       -        2.20×    ≥ 2×  yes
latency  ms    3.00    2.00       -        1.50×    ≤ 1×   no
memory   MB     290       -       -                ≤ 300  yes
alone    s     1.00       -       -

missing: get of others: refused
`
	if got := "\n" + text.String(); got != want {
		t.Errorf("got:%s\nwant:%s", got, want)
	}
}
