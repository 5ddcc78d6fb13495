package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"kubase/bench/load/internal/resource"
)

// visibleTimeout bounds how long a server may take to serve a new kind, and a watch cache to have
// objects that were put into the store.
const visibleTimeout = 5 * time.Minute

// ErrContent is a list that has other objects than it should have.
var ErrContent = errors.New("unexpected list")

// Query is what a list is asked for; what is empty is left out.
type Query struct {
	Labels string
	Fields string
	Limit  int
}

// Define creates a kind and waits until it is served.
func (s *Server) Define(ctx context.Context, kind resource.Kind) error {
	_, err := s.do(ctx, http.MethodPost, resource.DefinitionsPath, kind.Definition())
	if err != nil {
		return fmt.Errorf("define %s: %w", kind.Plural(), err)
	}
	return s.eventually(ctx, func(ctx context.Context) error {
		return s.answers(ctx, kind.Path()+"?limit=1")
	})
}

// Create creates object number of a kind.
func (s *Server) Create(ctx context.Context, kind resource.Kind, number int) error {
	_, err := s.do(ctx, http.MethodPost, kind.Path(), kind.Object(number))
	return err
}

// Expect lists objects, has to find exactly those from number first up to last, and returns how
// long the answer took; more says whether there is a further page. Checking takes time of its own.
func (s *Server) Expect(ctx context.Context, kind resource.Kind, query Query, first, last int,
	more bool) (time.Duration, error) {
	began := time.Now()
	content, err := s.do(ctx, http.MethodGet, kind.Path()+query.text(), nil)
	took := time.Since(began)
	if err != nil {
		return took, err
	}
	if err := check(content, first, last, more); err != nil {
		return took, fmt.Errorf("list of %s%s: %w", kind.Plural(), query.text(), err)
	}
	return took, nil
}

// WaitFor waits until a list gives object number alone.
func (s *Server) WaitFor(ctx context.Context, kind resource.Kind, query Query, number int) error {
	return s.eventually(ctx, func(ctx context.Context) error {
		_, err := s.Expect(ctx, kind, query, number, number, false)
		return err
	})
}

func (q Query) text() string {
	values := url.Values{}
	if q.Labels != "" {
		values.Set("labelSelector", q.Labels)
	}
	if q.Fields != "" {
		values.Set("fieldSelector", q.Fields)
	}
	if q.Limit > 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	return "?" + values.Encode()
}

func check(content []byte, first, last int, more bool) error {
	var list struct {
		Metadata struct{ Continue string }
		Items    []struct{ Metadata struct{ Name string } }
	}
	if err := json.Unmarshal(content, &list); err != nil {
		return err
	}
	got := make([]string, 0, len(list.Items))
	for _, item := range list.Items {
		got = append(got, item.Metadata.Name)
	}
	var want []string
	for number := first; number <= last; number++ {
		want = append(want, resource.Name(number))
	}
	if !slices.Equal(got, want) || (list.Metadata.Continue != "") != more {
		return fmt.Errorf("%w: %d objects, %.100q, continue %q; expected %d, from %s", ErrContent,
			len(got), got, list.Metadata.Continue, len(want), resource.Name(first))
	}
	return nil
}

// eventually tries until something succeeds.
func (s *Server) eventually(ctx context.Context, something func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, visibleTimeout)
	defer cancel()
	for {
		err := something(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("still after %v: %w", visibleTimeout, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
