// Package run takes graphs through two control planes and compares what has become of them.
package run

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"kubase/tests/collector/graphs/internal/cluster"
	"kubase/tests/collector/graphs/internal/graph"
)

// The labels by which an object is known: the run of a graph that it belongs to, and its number.
const (
	tagLabel    = "test.kubase/graph"
	numberLabel = "test.kubase/number"
)

// Side is one of the two control planes with what is known of it. Any goroutine.
type Side struct {
	Cluster *cluster.Cluster
	objects dynamic.Interface
	lists   metadata.Interface
	view    *view
	pulse   *pulse
}

// NewSide connects to a control plane that has the definitions, and follows its objects until ctx
// ends.
func NewSide(ctx context.Context, c *cluster.Cluster) (*Side, error) {
	config := unlimited(c.Config)
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	lists, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	s := &Side{Cluster: c, objects: objects, lists: lists, view: newView()}
	s.view.follow(ctx, lists)
	s.pulse = &pulse{side: s}
	return s, nil
}

// unlimited leaves it to the server to say when it is too much.
func unlimited(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.QPS = -1
	return config
}

func (s *Side) collection(kind *graph.Kind, namespace string) dynamic.ResourceInterface {
	if kind.Namespaced {
		return s.objects.Resource(kind.Collection()).Namespace(namespace)
	}
	return s.objects.Resource(kind.Collection())
}

// Namespace makes a namespace.
func (s *Side) Namespace(ctx context.Context, name string) error {
	namespaces := s.objects.Resource(schema.GroupVersionResource{Version: "v1",
		Resource: "namespaces"})
	return persist(ctx, func() error {
		_, err := namespaces.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
		}}, metav1.CreateOptions{})
		return unless(err, apierrors.IsAlreadyExists)
	})
}

// unless takes some errors for success.
func unless(err error, harmless func(error) bool) error {
	if err != nil && harmless(err) {
		return nil
	}
	return err
}

// gone tells of an object that does not exist. A server that starts has the same status for paths
// that it does not serve yet.
func gone(err error) bool {
	return apierrors.IsNotFound(err) && !strings.Contains(err.Error(), "requested resource")
}

// persist repeats what fails because a server is busy, or because it is being killed; all that is
// done here can be done twice.
func persist(ctx context.Context, do func() error) error {
	return poll(ctx, func() (bool, error) {
		err := do()
		if err == nil {
			return true, nil
		}
		if final(err) {
			return false, err
		}
		return false, nil
	})
}

// final tells of refusals that stay.
func final(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsForbidden(err) ||
		gone(err)
}

// poll asks for a condition until it holds or the context ends.
func poll(ctx context.Context, holds func() (bool, error)) error {
	for {
		ok, err := holds()
		if ok || err != nil {
			return err
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("gave up: %w", err)
		}
	}
}
