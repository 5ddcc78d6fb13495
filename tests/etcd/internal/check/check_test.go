package check

import (
	"testing"
	"time"
)

func options() Options { return Options{Timeout: 20 * time.Second} }

// fewWindows is for histories whose fault is not left to porcupine.
func fewWindows() Options { return Options{Timeout: 20 * time.Second, Windows: 2} }

// A checker that finds faults where there are none is of no use.
func TestRightHistoriesPass(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		report := History(simulate(seed, 1500), options())
		if err := report.Err(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if report.Undecided > 0 || report.Windows < 5 || report.Watches < 5 ||
			report.Happened == 0 || report.Happened == report.Unknown {
			t.Errorf("seed %d checks too little: %v", seed, report)
		}
	}
}
