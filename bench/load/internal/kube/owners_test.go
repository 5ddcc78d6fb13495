package kube

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"

	"kubase/bench/load/internal/resource"
)

func TestTheMarkerOfTheCollectorIsWaitedFor(t *testing.T) {
	kind := resource.Kind{Singular: "item"}
	var asked []string
	s := serverThat(t, func(w http.ResponseWriter, request *http.Request) {
		asked = append(asked, request.Method)
		if request.Method == http.MethodPatch &&
			request.Header.Get("Content-Type") != "application/merge-patch+json" {
			t.Errorf("the patch is %s", request.Header.Get("Content-Type"))
		}
		if request.Method == http.MethodGet && len(asked) > 6 {
			http.Error(w, "gone", http.StatusNotFound)
			return
		}
		fmt.Fprint(w, `{"metadata":{"uid":"one"}}`)
	})
	if err := s.AwaitCollector(context.Background(), kind, 7); err != nil {
		t.Fatal(err)
	}
	want := []string{"POST", "POST", "PATCH", "PATCH", "DELETE", "GET", "GET"}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
}

func TestFlagsAreReadFromTheCommandLine(t *testing.T) {
	if value, err := flagOf(os.Getpid(), "-test.timeout"); err != nil || value == "" {
		t.Errorf("%q, %v", value, err)
	}
	if _, err := flagOf(os.Getpid(), "--secure-port"); err == nil {
		t.Error("a flag is read that is not there")
	}
}
