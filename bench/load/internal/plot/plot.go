// Package plot draws curves over logarithmic axes as SVG.
package plot

import (
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// Chart is what is drawn. All values are above zero.
type Chart struct {
	Title  string
	XLabel string
	YLabel string
	Curves []Curve
}

// Curve is one line of the chart with its name in the legend.
type Curve struct {
	Name   string
	Points []Point
}

// Point is a point of a curve.
type Point struct{ X, Y float64 }

// The picture, in pixels.
const (
	width, height             = 720, 440
	left, right, top, bottom  = 80, 150, 50, 60
	plotRight, plotBottom     = width - right, height - bottom
	legendX, legendY, lineGap = plotRight + 15, top + 15, 22
)

// colours can be told apart by the colour-blind too.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7"}

// Save draws the chart into a file.
func (c Chart) Save(path string) error { return os.WriteFile(path, []byte(c.SVG()), 0o644) }

// SVG draws the chart.
func (c Chart) SVG() string {
	var all strings.Builder
	draw := func(format string, values ...any) { fmt.Fprintf(&all, format+"\n", values...) }
	draw(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" `+
		`font-size="13">`, width, height)
	draw(`<rect width="%d" height="%d" fill="white"/>`, width, height)
	draw(`<text x="%d" y="28" font-size="16">%s</text>`, left, escaped(c.Title))
	x := newAxis(c.values(func(p Point) float64 { return p.X }), left, plotRight)
	y := newAxis(c.values(func(p Point) float64 { return p.Y }), plotBottom, top)
	for _, tick := range x.ticks() {
		at := x.position(tick)
		draw(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#ddd"/>`, at, top, at, plotBottom)
		draw(`<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, at, plotBottom+20, number(tick))
	}
	for _, tick := range y.ticks() {
		at := y.position(tick)
		draw(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>`, left, at, plotRight, at)
		draw(`<text x="%d" y="%.1f" text-anchor="end">%s</text>`, left-8, at+4, number(tick))
	}
	draw(`<text x="%d" y="%d" text-anchor="middle">%s</text>`, (left+plotRight)/2, height-15,
		escaped(c.XLabel))
	draw(`<text transform="translate(22 %d) rotate(-90)" text-anchor="middle">%s</text>`,
		(top+plotBottom)/2, escaped(c.YLabel))
	for i, curve := range c.Curves {
		curve.draw(draw, x, y, i)
	}
	draw(`</svg>`)
	return all.String()
}

// draw draws the curve, a dot at each of its points, and its entry in the legend.
func (c Curve) draw(draw func(format string, values ...any), x, y axis, index int) {
	colour := colours[index%len(colours)]
	var corners []string
	for _, p := range c.Points {
		corners = append(corners, fmt.Sprintf("%.1f,%.1f", x.position(p.X), y.position(p.Y)))
		draw(`<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`, x.position(p.X), y.position(p.Y), colour)
	}
	draw(`<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`,
		strings.Join(corners, " "), colour)
	at := legendY + index*lineGap
	draw(`<rect x="%d" y="%d" width="16" height="4" fill="%s"/>`, legendX, at-6, colour)
	draw(`<text x="%d" y="%d">%s</text>`, legendX+24, at, escaped(c.Name))
}

func (c Chart) values(of func(Point) float64) []float64 {
	var values []float64
	for _, curve := range c.Curves {
		for _, p := range curve.Points {
			values = append(values, of(p))
		}
	}
	return values
}

// axis maps values to pixels by their logarithms.
type axis struct {
	first, last int     // powers of ten at the ends
	from, to    float64 // pixels
}

// newAxis is an axis from the power of ten below the values to the one above them.
func newAxis(values []float64, from, to float64) axis {
	lowest, highest := math.Inf(1), math.Inf(-1)
	for _, value := range values {
		lowest, highest = min(lowest, math.Log10(value)), max(highest, math.Log10(value))
	}
	if lowest > highest {
		lowest, highest = 0, 0
	}
	first := int(math.Floor(lowest))
	return axis{first, max(first+1, int(math.Ceil(highest))), from, to}
}

func (a axis) position(value float64) float64 {
	share := (math.Log10(value) - float64(a.first)) / float64(a.last-a.first)
	return a.from + share*(a.to-a.from)
}

func (a axis) ticks() []float64 {
	var ticks []float64
	for power := a.first; power <= a.last; power++ {
		ticks = append(ticks, math.Pow10(power))
	}
	return ticks
}

// number writes a power of ten.
func number(value float64) string {
	digits := strconv.FormatFloat(value, 'f', -1, 64)
	for at := len(digits) - 3; at > 0 && value >= 1000; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func escaped(text string) string {
	var all strings.Builder
	// A strings.Builder never fails.
	_ = xml.EscapeText(&all, []byte(text))
	return all.String()
}
