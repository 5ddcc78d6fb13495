package server

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// Metric is the value of a metric that has no labels, of a server with Options.MetricsPort.
func (s *Server) Metric(t testing.TB, name string) float64 {
	t.Helper()
	request, err := http.NewRequestWithContext(Context(t), http.MethodGet,
		fmt.Sprintf("http://127.0.0.1:%d/metrics", s.options.MetricsPort), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("metrics: %v", err)
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if text, is := strings.CutPrefix(lines.Text(), name+" "); is {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatalf("metric %s: %v", name, err)
			}
			return value
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}
