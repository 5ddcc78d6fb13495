package run

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubase/tests/collector/graphs/internal/graph"
)

// viewed is the state by the watches.
func (t *there) viewed() graph.State {
	objects, _ := t.side.view.of(t.tag)
	return t.stateOf(objects)
}

// listed is the state as the server lists it now.
func (t *there) listed(ctx context.Context) (graph.State, error) {
	found := map[int]*metav1.PartialObjectMetadata{}
	for _, kind := range t.kinds() {
		list, err := t.side.lists.Resource(kind.Collection()).List(ctx,
			metav1.ListOptions{LabelSelector: tagLabel + "=" + t.tag})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			number, err := strconv.Atoi(list.Items[i].Labels[numberLabel])
			if err != nil {
				return nil, fmt.Errorf("an object lost its number: %w", err)
			}
			found[number] = &list.Items[i]
		}
	}
	return t.stateOf(found), nil
}

func (t *there) kinds() []*graph.Kind {
	kinds := map[*graph.Kind]bool{}
	for _, object := range t.graph.Objects {
		kinds[object.Kind] = true
	}
	return slices.Collect(maps.Keys(kinds))
}

func (t *there) stateOf(objects map[int]*metav1.PartialObjectMetadata) graph.State {
	state := graph.State{}
	for number, object := range objects {
		state[number] = t.objectState(object)
	}
	return state
}

func (t *there) objectState(object *metav1.PartialObjectMetadata) *graph.ObjectState {
	s := &graph.ObjectState{Deleting: object.DeletionTimestamp != nil, Grace: -1,
		Finalizers: object.Finalizers, Generation: object.Generation}
	if object.DeletionGracePeriodSeconds != nil {
		s.Grace = *object.DeletionGracePeriodSeconds
	}
	for name, value := range object.Labels {
		if name != tagLabel && name != numberLabel {
			s.Labels = append(s.Labels, name+"="+value)
		}
	}
	for _, reference := range object.OwnerReferences {
		reference.UID = t.uids.neutral(reference.UID)
		reference.Name = strings.TrimPrefix(reference.Name, t.tag)
		s.References = append(s.References, reference)
	}
	return s
}
