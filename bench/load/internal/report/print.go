package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// Print writes the table for people: the medians, the ratio and whether the target is met; and what
// is missing.
func (r *Report) Print(w io.Writer) error {
	ratio := "ratio"
	for _, row := range r.Rows {
		if row.Target != nil && row.Target.Base != "" {
			ratio = row.Target.Of + "/" + row.Target.Base
			break
		}
	}
	lines := [][]string{append(append([]string{r.Scenario, ""}, r.Columns...),
		ratio, "target", "met")}
	for _, row := range r.Rows {
		if !row.Detail {
			lines = append(lines, append(row.figures(r.Columns), row.verdict()...))
		}
	}
	if err := printColumns(w, lines); err != nil {
		return err
	}
	for _, fault := range r.Faults {
		if _, err := fmt.Fprintf(w, "\nmissing: %s\n", fault); err != nil {
			return err
		}
	}
	return nil
}

func (r *Row) figures(columns []string) []string {
	cells := []string{r.Name, r.Unit}
	for _, column := range columns {
		cell := "-"
		if figure, found := r.Medians[column]; found {
			cell = Number(figure)
		}
		cells = append(cells, cell)
	}
	return cells
}

// verdict is the ratio, the target and yes or no.
func (r *Row) verdict() []string {
	if r.Verdict == nil {
		return []string{"", "", ""}
	}
	sign, met, ratio, times := "≤", "no", "", ""
	if r.Target.AtLeast {
		sign = "≥"
	}
	if r.Target.Base != "" {
		ratio, times = fmt.Sprintf("%.2f×", r.Verdict.Value), "×"
	}
	if r.Verdict.Met {
		met = "yes"
	}
	return []string{ratio, fmt.Sprintf("%s %.3g%s", sign, r.Target.Limit, times), met}
}

// Number writes a figure with three or more digits that count.
func Number(figure float64) string {
	switch {
	case figure >= 100:
		return thousands(fmt.Sprintf("%.0f", figure))
	case figure >= 10:
		return fmt.Sprintf("%.1f", figure)
	default:
		return fmt.Sprintf("%.2f", figure)
	}
}

func thousands(digits string) string {
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// printColumns aligns the first two columns at the left and the others at the right.
func printColumns(w io.Writer, lines [][]string) error {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range lines {
		var text strings.Builder
		for i, cell := range line {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < 2 {
				text.WriteString(cell + padding + "  ")
			} else {
				text.WriteString(padding + cell + "  ")
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(text.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// Save writes everything as JSON.
func (r *Report) Save(path string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}
