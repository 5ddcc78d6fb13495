package peer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Counters reads numbers from the metrics of the server, each the sum over its labels. One that the
// server does not have is left out; so are all of a server without metrics.
func (s *Server) Counters(ctx context.Context, names ...string) (map[string]float64, error) {
	if !s.Kind.Metrics {
		return nil, nil
	}
	url := "http://" + s.otherAddress + "/metrics"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	if err != nil {
		return nil, err
	}
	return CountersIn(string(text), names...)
}

// CountersIn reads numbers from the text format of Prometheus, each the sum over its labels, which
// may hold no spaces.
func CountersIn(text string, names ...string) (map[string]float64, error) {
	sums := map[string]float64{}
	for line := range strings.Lines(text) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, name := range names {
			if series != name && !strings.HasPrefix(series, name+"{") {
				continue
			}
			number, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return nil, fmt.Errorf("metric %s: %w", series, err)
			}
			sums[name] += number
		}
	}
	return sums, nil
}
