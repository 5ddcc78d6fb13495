package kube

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"kubase/bench/load/internal/resource"
)

// serverThat is a client of a handler.
func serverThat(t *testing.T, handler http.HandlerFunc) *Server {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &Server{client: server.Client(), url: server.URL}
}

func listOf(numbers ...int) string {
	var items []string
	for _, number := range numbers {
		items = append(items, fmt.Sprintf(`{"metadata":{"name":%q}}`, resource.Name(number)))
	}
	return `{"metadata":{},"items":[` + strings.Join(items, ",") + `]}`
}

func TestAListHasExactlyTheExpectedObjects(t *testing.T) {
	for _, test := range []struct {
		answer      string
		first, last int
		more, good  bool
	}{
		{listOf(7), 7, 7, false, true},
		{listOf(7, 8), 7, 8, false, true},
		{listOf(8), 7, 7, false, false},
		{listOf(), 7, 7, false, false},
		{listOf(7, 8), 7, 7, false, false},
		{listOf(8, 7), 7, 8, false, false},
		{listOf(7), 7, 7, true, false},
		{`{"metadata":{"continue":"x"},"items":[]}`, 1, 0, true, true},
		{`<html>`, 1, 0, false, false},
	} {
		s := serverThat(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, test.answer) })
		_, err := s.Expect(context.Background(), resource.Kind{Singular: "item"}, Query{}, test.first,
			test.last, test.more)
		if (err == nil) != test.good {
			t.Errorf("%s for %d to %d, more %v: %v", test.answer, test.first, test.last, test.more, err)
		}
	}
}

func TestABusyServerIsAskedAgain(t *testing.T) {
	asked := 0
	s := serverThat(t, func(w http.ResponseWriter, request *http.Request) {
		if asked++; asked < 3 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		if got := request.URL.Query().Get("labelSelector"); got != resource.SerialLabel(7) {
			t.Errorf("the selector is %q", got)
		}
		fmt.Fprint(w, listOf(7))
	})
	_, err := s.Expect(context.Background(), resource.Kind{Singular: "item"},
		Query{Labels: resource.SerialLabel(7)}, 7, 7, false)
	if err != nil || asked != 3 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

func TestARefusalIsAnError(t *testing.T) {
	s := serverThat(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 403) })
	err := s.Create(context.Background(), resource.Kind{Singular: "item"}, 1)
	if err == nil || !strings.Contains(err.Error(), "status 403: no") {
		t.Error(err)
	}
}
