package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"kubase/bench/load/internal/resource"
)

// SkipLabel is on the objects whose garbage the storage collects.
const SkipLabel = "skip-controller-manager-metadata-caching"

// CreateOwner creates object number of a kind for others to refer to.
func (s *Server) CreateOwner(ctx context.Context, kind resource.Kind,
	number int) (resource.Reference, error) {
	content, err := s.do(ctx, http.MethodPost, kind.Path(), kind.Object(number))
	if err != nil {
		return resource.Reference{}, err
	}
	var object struct{ Metadata struct{ UID string } }
	if err := json.Unmarshal(content, &object); err != nil {
		return resource.Reference{}, err
	}
	return resource.Reference{Kind: kind, Number: number, UID: object.Metadata.UID}, nil
}

// CreateDependent creates object number of a kind with an owner.
func (s *Server) CreateDependent(ctx context.Context, kind resource.Kind, number int,
	owner resource.Reference) error {
	_, err := s.do(ctx, http.MethodPost, kind.Path(), kind.Dependent(number, owner))
	return err
}

// DeleteInBackground deletes an object and leaves its dependents to the collector.
func (s *Server) DeleteInBackground(ctx context.Context, object resource.Reference) error {
	_, err := s.do(ctx, http.MethodDelete, object.Kind.ObjectPath(object.Number),
		[]byte(`{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background"}`))
	return err
}

// AwaitCollector waits until kube-controller-manager has collected an object of a kind that was
// created and orphaned now. As its informers get the objects of a kind in order, it has then seen
// all that came before; and neither object has the label, so that nobody else collects them.
func (s *Server) AwaitCollector(ctx context.Context, kind resource.Kind, number int) error {
	owner, err := s.CreateOwner(ctx, kind, number)
	if err != nil {
		return err
	}
	dependent := number + 1
	err = errors.Join(s.CreateDependent(ctx, kind, dependent, owner),
		s.removeLabel(ctx, kind, number), s.removeLabel(ctx, kind, dependent))
	if err != nil {
		return err
	}
	if err := s.DeleteInBackground(ctx, owner); err != nil {
		return err
	}
	return s.eventually(ctx, func(ctx context.Context) error {
		err := s.answers(ctx, kind.ObjectPath(dependent))
		var status *statusError
		switch {
		case err == nil:
			return fmt.Errorf("%s is not collected", kind.ObjectPath(dependent))
		case errors.As(err, &status) && status.code == http.StatusNotFound:
			return nil
		default:
			return err
		}
	})
}

// removeLabel hands an object back to kube-controller-manager.
func (s *Server) removeLabel(ctx context.Context, kind resource.Kind, number int) error {
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:null}}}`, SkipLabel)
	_, err := s.do(ctx, http.MethodPatch, kind.ObjectPath(number), patch)
	return err
}
