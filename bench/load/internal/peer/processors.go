package peer

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Processors is what the processors of this machine have done since it started, in ticks of all of
// them together.
type Processors struct{ busy, all int64 }

// ReadProcessors reads the line "cpu" of /proc/stat.
func ReadProcessors() (Processors, error) {
	content, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Processors{}, err
	}
	line, _, _ := strings.Cut(string(content), "\n")
	return parseProcessors(line)
}

// parseProcessors adds up user, nice, system, idle, iowait, irq, softirq and steal; what follows is
// in user already. Of these, idle and iowait are not busy (proc(5)).
func parseProcessors(line string) (Processors, error) {
	columns := strings.Fields(line)
	if len(columns) < 9 || columns[0] != "cpu" {
		return Processors{}, fmt.Errorf("no line of all processors: %q", line)
	}
	var p Processors
	for i, column := range columns[1:9] {
		ticks, err := strconv.ParseInt(column, 10, 64)
		if err != nil {
			return Processors{}, fmt.Errorf("no line of all processors: %q", line)
		}
		p.all += ticks
		if i != 3 && i != 4 {
			p.busy += ticks
		}
	}
	return p, nil
}

// BusySince is the part of the time since an earlier reading in which the processors were busy.
func (p Processors) BusySince(earlier Processors) float64 {
	return float64(p.busy-earlier.busy) / float64(max(1, p.all-earlier.all))
}
