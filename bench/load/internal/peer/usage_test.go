package peer

import (
	"os"
	"testing"
	"time"
)

func TestProcessorTimeIsReadBehindAnyName(t *testing.T) {
	const rest = " S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 9 0 100 1000 10"
	for _, name := range []string{"(etcd)", "(a b)", "(odd) 1 2 (name)"} {
		got, err := cpuOf("17 " + name + rest)
		if err != nil || got != 3*time.Second {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := cpuOf("17 (etcd) S 1 2"); err == nil {
		t.Error("a short line has a time")
	}
}

func TestUsageOfThisProcess(t *testing.T) {
	before, err := ReadUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if before.Private <= 0 || before.RSS < before.Private || before.PeakRSS < before.RSS || before.Switches <= 0 {
		t.Errorf("%+v", before)
	}
	for began := time.Now(); time.Since(began) < 100*time.Millisecond; {
		continue
	}
	after, err := ReadUsage(os.Getpid())
	if used := after.Since(before).CPU; err != nil || used <= 0 || used > 10*time.Second {
		t.Errorf("%v of processor time, error %v", used, err)
	}
}
