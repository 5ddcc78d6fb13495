package run

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"kubase/tests/collector/graphs/internal/graph"
)

// there is one run of a graph on one side.
type there struct {
	*runOfGraph
	side *Side
	uids *uids
}

// do takes a step. It does not mind that the object is gone: the collector may have been faster.
func (t *there) do(ctx context.Context, step graph.Step) error {
	err := persist(ctx, func() error { return t.try(ctx, step) })
	if err := unless(err, gone); err != nil {
		return fmt.Errorf("%s, %s: %s: %w", t.side.Cluster.Name, t.tag, step, err)
	}
	return nil
}

func (t *there) try(ctx context.Context, step graph.Step) error {
	objects, name := t.collection(step.Object), graph.Name(t.tag, step.Object)
	switch step.Action {
	case graph.Create:
		return t.create(ctx, objects, step)
	case graph.SetReferences:
		return t.patch(ctx, step.Object,
			map[string]any{"ownerReferences": t.references(step.References)})
	case graph.Delete:
		options := metav1.DeleteOptions{}
		if step.Policy != "" {
			options.PropagationPolicy = &step.Policy
		}
		return objects.Delete(ctx, name, options)
	case graph.Release:
		return t.release(ctx, objects, step.Object)
	case graph.Label:
		return t.patch(ctx, step.Object, map[string]any{"labels": map[string]any{graph.SkipLabel: ""}})
	case graph.Unlabel:
		return t.patch(ctx, step.Object, map[string]any{"labels": map[string]any{graph.SkipLabel: nil}})
	case graph.Touch:
		return t.patch(ctx, step.Object, map[string]any{"annotations": map[string]any{
			"test.kubase/touched": time.Now().String()}})
	}
	panic("unknown action: " + step.Action)
}

func (t *there) collection(number int) dynamic.ResourceInterface {
	object := t.graph.Objects[number]
	return t.side.collection(object.Kind, t.namespaces[object.Space])
}

func (t *there) patch(ctx context.Context, number int, change map[string]any) error {
	content, err := json.Marshal(map[string]any{"metadata": change})
	if err != nil {
		return err
	}
	_, err = t.collection(number).Patch(ctx, graph.Name(t.tag, number), types.MergePatchType,
		content, metav1.PatchOptions{})
	return err
}

// create takes an object that exists for the one whose creation was not answered: the names are
// those of this run alone.
func (t *there) create(ctx context.Context, objects dynamic.ResourceInterface, step graph.Step) error {
	created, err := objects.Create(ctx, t.document(step), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		created, err = objects.Get(ctx, graph.Name(t.tag, step.Object), metav1.GetOptions{})
		if err != nil && gone(err) {
			return fmt.Errorf("collected before its UID was known: %v", err) // it is made again
		}
	}
	if err == nil {
		t.uids.learn(step.Object, created.GetUID())
	}
	return err
}

func (t *there) document(step graph.Step) *unstructured.Unstructured {
	plan := t.graph.Objects[step.Object]
	content := map[string]any{}
	if plan.Kind.Kind == "Deployment" {
		content["spec"] = pausedDeployment(t.tag)
	}
	object := &unstructured.Unstructured{Object: content}
	object.SetGroupVersionKind(plan.Kind.GroupVersionKind)
	object.SetName(graph.Name(t.tag, step.Object))
	labels := map[string]string{tagLabel: t.tag, numberLabel: strconv.Itoa(step.Object)}
	if plan.Labelled {
		labels[graph.SkipLabel] = ""
	}
	object.SetLabels(labels)
	if plan.Held {
		object.SetFinalizers([]string{graph.HoldFinalizer})
	}
	object.SetOwnerReferences(t.references(step.References))
	return object
}

func pausedDeployment(name string) map[string]any {
	labels := map[string]any{"app": name}
	return map[string]any{
		"paused": true, "replicas": int64(0),
		"selector": map[string]any{"matchLabels": labels},
		"template": map[string]any{
			"metadata": map[string]any{"labels": labels},
			"spec": map[string]any{"containers": []any{
				map[string]any{"name": "none", "image": "none"}}},
		},
	}
}

func (t *there) references(references []graph.Reference) []metav1.OwnerReference {
	var all []metav1.OwnerReference
	for _, r := range references {
		all = append(all, t.graph.OwnerReference(r, t.tag, t.uids.of))
	}
	return all
}

// release removes our finalizer from what an object has by now.
func (t *there) release(ctx context.Context, objects dynamic.ResourceInterface, number int) error {
	object, err := objects.Get(ctx, graph.Name(t.tag, number), metav1.GetOptions{})
	if err != nil {
		return err
	}
	finalizers := object.GetFinalizers()
	kept := slices.DeleteFunc(slices.Clone(finalizers),
		func(f string) bool { return f == graph.HoldFinalizer })
	if len(kept) == len(finalizers) {
		return nil
	}
	return t.patch(ctx, number, map[string]any{"finalizers": kept,
		"resourceVersion": object.GetResourceVersion()})
}
