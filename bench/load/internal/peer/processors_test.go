package peer

import "testing"

func TestBusySince(t *testing.T) {
	before, err := parseProcessors("cpu  10 0 10 100 0 0 0 0 5 0")
	if err != nil {
		t.Fatal(err)
	}
	after, err := parseProcessors("cpu  40 5 20 130 10 5 5 5 9 0")
	if err != nil {
		t.Fatal(err)
	}
	if busy := after.BusySince(before); busy != 0.6 {
		t.Errorf("busy: %v, not 60 of 100 ticks", busy)
	}
	for _, line := range []string{"", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 x 4 5 6 7 8"} {
		if _, err := parseProcessors(line); err == nil {
			t.Errorf("%q was read", line)
		}
	}
	if _, err := ReadProcessors(); err != nil {
		t.Error(err)
	}
}
