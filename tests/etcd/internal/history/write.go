package history

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"
)

// Write puts the history into a file as text: all that clients sent and received, in the order of
// the time.
func (h *History) Write(path string) error {
	type line struct {
		at   time.Duration
		text string
	}
	lines := []line{}
	for _, o := range h.Operations {
		lines = append(lines, line{o.Call, o.String()})
	}
	for _, end := range h.Ends {
		lines = append(lines, line{end, "the server has ended"})
	}
	for _, s := range h.Streams {
		for _, entry := range s.Entries {
			text := "end"
			switch {
			case entry.Sent != nil:
				text = "sent " + Short(entry.Sent)
			case entry.Received != nil:
				text = "received " + Short(entry.Received)
			}
			lines = append(lines, line{entry.At, "stream " + s.Name + ": " + text})
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	for _, l := range lines {
		fmt.Fprintf(out, "%v %s\n", l.at, l.text)
	}
	return out.Flush()
}
