package main

import "testing"

func TestCountsAreAscendingNumbers(t *testing.T) {
	for text, good := range map[string]bool{
		"1000": true, "100000,500000": true, "2,1": false, "many": false, "": false, "1,": false,
	} {
		c := counts{5}
		if err := c.Set(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		} else if good && c.String() != text {
			t.Errorf("%q is %q", text, c.String())
		}
	}
	if c := (counts{10, 20}); c.largest() != 20 {
		t.Errorf("the largest of %v is %d", c, c.largest())
	}
}
