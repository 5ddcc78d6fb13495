package run

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"kubase/tests/collector/graphs/internal/graph"
)

const pollInterval = 50 * time.Millisecond

// pause waits until it is time to look again.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pollInterval):
		return nil
	}
}

// view has the objects of all graphs as watches tell of them, so that waiting costs no requests.
type view struct {
	mutex sync.Mutex
	runs  map[string]*objectsOfRun // by the tag
}

type objectsOfRun struct {
	objects map[int]*metav1.PartialObjectMetadata
	changed time.Time
}

func newView() *view { return &view{runs: map[string]*objectsOfRun{}} }

func (v *view) follow(ctx context.Context, client metadata.Interface) {
	for _, kind := range graph.Kinds {
		informer := metadatainformer.NewFilteredMetadataInformer(client, kind.Collection(), "", 0,
			cache.Indexers{}, func(o *metav1.ListOptions) { o.LabelSelector = tagLabel }).Informer()
		// The handler is known before the informer runs: there is nothing that could fail.
		_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    v.put,
			UpdateFunc: func(_, object any) { v.put(object) },
			DeleteFunc: v.remove,
		})
		go informer.RunWithContext(ctx)
	}
}

func (v *view) put(event any) {
	object := event.(*metav1.PartialObjectMetadata)
	v.change(object, func(objects map[int]*metav1.PartialObjectMetadata, number int) {
		objects[number] = object
	})
}

func (v *view) remove(event any) {
	if unknown, ok := event.(cache.DeletedFinalStateUnknown); ok {
		event = unknown.Obj
	}
	object := event.(*metav1.PartialObjectMetadata)
	v.change(object, func(objects map[int]*metav1.PartialObjectMetadata, number int) {
		if known := objects[number]; known != nil && known.UID == object.UID {
			delete(objects, number)
		}
	})
}

func (v *view) change(object *metav1.PartialObjectMetadata,
	apply func(objects map[int]*metav1.PartialObjectMetadata, number int)) {
	number, err := strconv.Atoi(object.Labels[numberLabel])
	if err != nil {
		return // not one of ours
	}
	v.mutex.Lock()
	defer v.mutex.Unlock()
	run := v.runs[object.Labels[tagLabel]]
	if run == nil {
		run = &objectsOfRun{objects: map[int]*metav1.PartialObjectMetadata{}}
		v.runs[object.Labels[tagLabel]] = run
	}
	apply(run.objects, number)
	run.changed = time.Now()
}

// of returns the objects of a run, and when there was a change.
func (v *view) of(tag string) (map[int]*metav1.PartialObjectMetadata, time.Time) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if run := v.runs[tag]; run != nil {
		return maps.Clone(run.objects), run.changed
	}
	return nil, time.Time{}
}

// forget is for runs that are over.
func (v *view) forget(tag string) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	delete(v.runs, tag)
}
