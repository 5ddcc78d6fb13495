// Package report collects the figures of a benchmark, one per server and round, and shows their
// medians beside each other, with what is aimed at.
package report

import (
	"math"
	"slices"
	"time"
)

// Report is all figures of one scenario.
type Report struct {
	Scenario string            `json:"scenario"`
	Started  time.Time         `json:"started"`
	Options  map[string]string `json:"options"`
	// Machine says what was measured where: processors, kernel, versions.
	Machine map[string]string `json:"machine"`
	Columns []string          `json:"columns"`
	Rows    []*Row            `json:"rows"`
	// Faults are the measurements that are missing, with the reason.
	Faults []string `json:"faults,omitempty"`
}

// Row is one figure of all servers.
type Row struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Detail is true for what is kept in the file alone.
	Detail bool    `json:"detail,omitempty"`
	Target *Target `json:"target,omitempty"`
	// Rounds are the figures of each round, by column; a column may be missing.
	Rounds  map[string][]float64 `json:"rounds"`
	Medians map[string]float64   `json:"medians"`
	Verdict *Verdict             `json:"verdict,omitempty"`
}

// Target is what the figure of the column Of has to be: at least or at most Limit times that of the
// column Base, or without Base, Limit itself.
type Target struct {
	Of      string  `json:"of"`
	Base    string  `json:"base,omitempty"`
	Limit   float64 `json:"limit"`
	AtLeast bool    `json:"at_least"`
}

// Verdict is how a figure compares with its target.
type Verdict struct {
	Value float64 `json:"value"` // the ratio, or without Base, the figure
	Met   bool    `json:"met"`
}

// Add notes a figure of one round.
func (r *Report) Add(column, name, unit string, value float64) { r.add(column, name, unit, value) }

// AddFault notes a measurement that could not be taken.
func (r *Report) AddFault(text string) { r.Faults = append(r.Faults, text) }

// AddDetail notes a figure for the file alone.
func (r *Report) AddDetail(column, name, unit string, value float64) {
	r.add(column, name, unit, value).Detail = true
}

func (r *Report) add(column, name, unit string, value float64) *Row {
	row := r.row(name)
	if row == nil {
		row = &Row{Name: name, Unit: unit, Rounds: map[string][]float64{}}
		r.Rows = append(r.Rows, row)
	}
	row.Rounds[column] = append(row.Rounds[column], value)
	return row
}

func (r *Report) row(name string) *Row {
	at := slices.IndexFunc(r.Rows, func(row *Row) bool { return row.Name == name })
	if at < 0 {
		return nil
	}
	return r.Rows[at]
}

// Median is the median of a column so far.
func (r *Report) Median(column, name string) (float64, bool) {
	row := r.row(name)
	if row == nil || len(row.Rounds[column]) == 0 {
		return 0, false
	}
	return Median(row.Rounds[column]), true
}

// Judge computes the medians and compares them with the targets, by the names of the rows. A target
// whose columns were not measured is left out.
func (r *Report) Judge(targets map[string]Target) {
	for _, row := range r.Rows {
		row.Medians = map[string]float64{}
		for column, figures := range row.Rounds {
			row.Medians[column] = Median(figures)
		}
		if target, found := targets[row.Name]; found {
			row.judge(target)
		}
	}
}

func (r *Row) judge(target Target) {
	value, found := r.Medians[target.Of]
	if !found {
		return
	}
	if target.Base != "" {
		base, found := r.Medians[target.Base]
		if !found || base == 0 {
			return
		}
		value /= base
	}
	r.Target = &target
	r.Verdict = &Verdict{Value: value, Met: value <= target.Limit}
	if target.AtLeast {
		r.Verdict.Met = value >= target.Limit
	}
}

// Median is the middle one of some figures, or the mean of the two in the middle.
func Median(figures []float64) float64 {
	if len(figures) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(figures))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
