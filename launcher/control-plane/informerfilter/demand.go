package informerfilter

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	migrationv1 "k8s.io/api/storagemigration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/streaming"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
)

// demanding are the types that tell which resources are needed whole. The controllers that serve
// them know them from the typed informers alone. So it is enough to read along what those informers
// are told, and right to hold it back until the metadata informers have what is needed: a controller
// that knew of a quota earlier would count too few objects, and not again for minutes.
var demanding = sets.New(
	schema.GroupResource{Resource: "resourcequotas"},
	schema.GroupResource{Group: migrationv1.GroupName, Resource: "storageversionmigrations"},
)

// negotiator decodes what typed clients read, into the version that they asked for.
var negotiator = runtime.NewClientNegotiator(scheme.Codecs.WithoutConversion(), schema.GroupVersion{})

// roundTripDemand sends a request for quotas or migrations and gives its answer, each object when
// the resources that it needs are whole.
func (t *transport) roundTripDemand(request *http.Request, read read) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err
	}
	mediaType, parameters, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil {
		t.filter.wholes.enterAll(err)
		return response, nil
	}
	if read.isWatch {
		decoder, serializer, framer, err := negotiator.StreamDecoder(mediaType, parameters)
		if err != nil {
			t.filter.wholes.enterAll(err)
			return response, nil
		}
		response.Body = newHeldWatch(request.Context(), t.filter.wholes, decoder, serializer,
			framer, response.Body)
		return response, nil
	}
	decoder, err := negotiator.Decoder(mediaType, parameters)
	if err != nil {
		t.filter.wholes.enterAll(err)
		return response, nil
	}
	return t.filter.wholes.holdList(request.Context(), decoder, response)
}

// holdList returns response when the resources are whole that the objects in it need.
func (w *wholes) holdList(
	ctx context.Context, decoder runtime.Decoder, response *http.Response,
) (*http.Response, error) {
	content, err := io.ReadAll(response.Body)
	if closing := response.Body.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(content))
	list, err := runtime.Decode(decoder, content)
	if err != nil {
		w.enterAll(err)
		return response, nil
	}
	objects, err := meta.ExtractList(list)
	if err != nil {
		w.enterAll(err)
		return response, nil
	}
	if err := w.hold(ctx, objects...); err != nil {
		return nil, err
	}
	return response, nil
}

// hold makes the resources whole that objects need and returns when they are.
func (w *wholes) hold(ctx context.Context, objects ...runtime.Object) error {
	needed := sets.New[schema.GroupResource]()
	for _, object := range objects {
		resources, err := neededBy(object)
		if err != nil {
			w.enterAll(err)
			continue
		}
		for _, resource := range resources {
			w.enter(resource, klog.KObj(object.(klog.KMetadata)))
			needed.Insert(resource)
		}
	}
	for resource := range needed {
		if err := w.await(ctx, resource); err != nil {
			return err
		}
	}
	return nil
}

// heldWatch is the body of a watch, of which an event is handed on when its object need not wait.
type heldWatch struct {
	ctx    context.Context // of reading; done when the body is closed
	cancel context.CancelFunc
	wholes *wholes

	object  runtime.Decoder
	in      streaming.Decoder
	out     streaming.Encoder // writes to pending
	pending bytes.Buffer
}

func newHeldWatch(
	ctx context.Context, w *wholes, object runtime.Decoder, events runtime.Serializer,
	framer runtime.Framer, body io.ReadCloser,
) *heldWatch {
	held := &heldWatch{wholes: w, object: object}
	held.ctx, held.cancel = context.WithCancel(ctx)
	held.in = streaming.NewDecoder(framer.NewFrameReader(body), events)
	held.out = streaming.NewEncoder(framer.NewFrameWriter(&held.pending), events)
	return held
}

func (h *heldWatch) Read(into []byte) (int, error) {
	if h.pending.Len() == 0 {
		if err := h.next(); err != nil {
			return 0, err
		}
	}
	return h.pending.Read(into)
}

// next makes the next event pending.
func (h *heldWatch) next() error {
	event := &metav1.WatchEvent{}
	if _, _, err := h.in.Decode(nil, event); err != nil {
		return err
	}
	if event.Type == string(watch.Added) || event.Type == string(watch.Modified) {
		object, err := runtime.Decode(h.object, event.Object.Raw)
		if err != nil {
			h.wholes.enterAll(err)
		} else if err := h.wholes.hold(h.ctx, object); err != nil {
			return err
		}
	}
	return h.out.Encode(event)
}

func (h *heldWatch) Close() error {
	h.cancel()
	return h.in.Close()
}

// neededBy returns the resources of which object needs all objects.
func neededBy(object runtime.Object) ([]schema.GroupResource, error) {
	switch object := object.(type) {
	case *corev1.ResourceQuota:
		return countedBy(object), nil
	case *migrationv1.StorageVersionMigration:
		return migratedBy(object), nil
	default:
		return nil, fmt.Errorf("neither a quota nor a migration: %T", object)
	}
}

// countedBy returns the resources whose objects a quota counts. The quota controller counts by the
// names in spec.hard, and no scope matches a resource that it knows by its name alone. Names without
// "count/" are of built-in types, which have informers of their own.
func countedBy(quota *corev1.ResourceQuota) []schema.GroupResource {
	var resources []schema.GroupResource
	for name := range quota.Spec.Hard {
		if counted, ok := strings.CutPrefix(string(name), "count/"); ok {
			resources = append(resources, schema.ParseGroupResource(counted))
		}
	}
	return resources
}

// migratedBy returns the resource that a migration migrates, unless it is finished.
func migratedBy(migration *migrationv1.StorageVersionMigration) []schema.GroupResource {
	for _, end := range []migrationv1.MigrationConditionType{
		migrationv1.MigrationSucceeded, migrationv1.MigrationFailed,
	} {
		if meta.IsStatusConditionTrue(migration.Status.Conditions, string(end)) {
			return nil
		}
	}
	resource := migration.Spec.Resource
	return []schema.GroupResource{{Group: resource.Group, Resource: resource.Resource}}
}
