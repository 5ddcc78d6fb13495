package run

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"kubase/tests/collector/graphs/internal/cluster"
	"kubase/tests/collector/graphs/internal/graph"
)

// Define makes the custom kinds known to a control plane, and waits until both versions of each are
// served.
func Define(ctx context.Context, c *cluster.Cluster) error {
	client, err := dynamic.NewForConfig(unlimited(c.Config))
	if err != nil {
		return err
	}
	for _, kind := range graph.Kinds {
		if !kind.Custom() {
			continue
		}
		if err := define(ctx, client, kind); err != nil {
			return fmt.Errorf("%s: define %s: %w", c.Name, kind.Kind, err)
		}
	}
	return nil
}

func define(ctx context.Context, client dynamic.Interface, kind *graph.Kind) error {
	definitions := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io",
		Version: "v1", Resource: "customresourcedefinitions"})
	err := persist(ctx, func() error {
		_, err := definitions.Create(ctx, definition(kind), metav1.CreateOptions{})
		return unless(err, apierrors.IsAlreadyExists)
	})
	if err != nil {
		return err
	}
	for _, version := range []string{graph.Version, graph.OtherServed} {
		collection := kind.Collection()
		collection.Version = version
		if err := poll(ctx, func() (bool, error) {
			_, err := client.Resource(collection).List(ctx, metav1.ListOptions{Limit: 1})
			return err == nil, nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func definition(kind *graph.Kind) *unstructured.Unstructured {
	scope := "Cluster"
	if kind.Namespaced {
		scope = "Namespaced"
	}
	var versions []any
	for _, version := range []string{graph.Version, graph.OtherServed} {
		versions = append(versions, map[string]any{
			"name": version, "served": true, "storage": version == graph.Version,
			"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object"}},
		})
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": kind.Resource + "." + kind.Group},
		"spec": map[string]any{
			"group": kind.Group, "scope": scope, "versions": versions,
			"names": map[string]any{"kind": kind.Kind, "plural": kind.Resource},
		},
	}}
}
