package informerfilter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/klog/v2"
)

// wholes knows the resources that the informers need whole. When one enters, its filtered watches
// end and the next request that would go on from a filtered one is answered 410 Gone, as if the
// history were compacted: the informer then lists anew, without the filter.
//
// A resource never leaves until the process does: an informer that is filtered again would report
// all the objects it loses as deleted, to gain memory that a restart gives back without that.
type wholes struct {
	mutex     sync.Mutex
	all       bool
	entered   map[schema.GroupResource]time.Time
	informers map[string]*informer // by the path of their collection
	open      map[*stream]schema.GroupResource
}

func newWholes() *wholes {
	return &wholes{
		entered:   map[schema.GroupResource]time.Time{},
		informers: map[string]*informer{},
		open:      map[*stream]schema.GroupResource{},
	}
}

// enter makes resource whole, for a reason that the log tells.
func (w *wholes) enter(resource schema.GroupResource, because klog.ObjectRef) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if _, entered := w.entered[resource]; entered {
		return
	}
	w.entered[resource] = time.Now()
	if !w.all {
		klog.InfoS("Metadata informers get all objects of a resource from now on",
			"resource", resource, "because", because)
		w.endFiltered()
	}
}

// enterAll makes every resource whole, because it cannot be told which ones must be.
func (w *wholes) enterAll(err error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if !w.all {
		klog.ErrorS(err, "Metadata informers get all objects from now on, because what must be "+
			"counted or migrated cannot be read")
	}
	w.all = true
	w.endFiltered()
}

// endFiltered ends the filtered watches of the resources that have entered.
func (w *wholes) endFiltered() {
	for open, resource := range w.open {
		if w.isWhole(resource) {
			open.end(errWhole)
		}
	}
}

func (w *wholes) isWhole(resource schema.GroupResource) bool {
	_, entered := w.entered[resource]
	return w.all || entered
}

// patience is how long a resource that has entered is waited for. It is for one that an informer
// fails to list, which must not keep the other quotas and migrations from being served.
const patience = 5 * time.Minute

// await returns when all informers of a resource that has entered have all objects.
func (w *wholes) await(ctx context.Context, resource schema.GroupResource) error {
	behind, since := w.behind(resource)
	expiry := time.NewTimer(time.Until(since.Add(patience)))
	defer expiry.Stop()
	for _, informer := range behind {
		select {
		case <-informer.settled:
		case <-expiry.C:
			klog.ErrorS(nil, "Metadata informers still lack objects of a resource that is "+
				"counted or migrated", "resource", resource, "since", since)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// behind returns the informers of resource that were once filtered, and when it entered.
func (w *wholes) behind(resource schema.GroupResource) ([]*informer, time.Time) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var found []*informer
	for _, informer := range w.informers {
		if informer.resource == resource && informer.wasFiltered {
			found = append(found, informer)
		}
	}
	return found, w.entered[resource]
}

// verdict is what is to be done with a request.
type verdict int

const (
	isFiltered verdict = iota
	passes
	expires
)

// judge decides on a request of an informer. If it is to be filtered, the stream stands for its
// answer. If it passes and was filtered before, settle is to be called when the informer has read all
// objects.
func (w *wholes) judge(ctx context.Context, read read) (_ verdict, _ *stream, settle func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	one := w.informers[read.path]
	if one == nil {
		one = &informer{resource: read.resource, settled: make(chan struct{})}
		w.informers[read.path] = one
	}
	if !w.isWhole(read.resource) {
		one.wasFiltered = true
		return isFiltered, w.newStream(ctx, read), nil
	}
	if read.begins {
		one.begun = time.Now()
	}
	begun := one.begun
	switch {
	case begun.IsZero():
		return expires, nil, nil
	case one.wasFiltered:
		return passes, nil, func() { one.settle(time.Since(begun)) }
	default:
		return passes, nil, nil
	}
}

func (w *wholes) newStream(ctx context.Context, read read) *stream {
	open := &stream{}
	open.ctx, open.end = context.WithCancelCause(ctx)
	open.release = func() {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		delete(w.open, open)
		open.end(nil)
	}
	if read.isWatch { // a list ends by itself, and the watch after it is expired
		w.open[open] = read.resource
	}
	return open
}

// errWhole is the cause that ends the filtered watches of a resource that enters.
var errWhole = errors.New("all objects of the resource are needed")

// stream is the answer to a filtered request, from sending the request to closing the body.
type stream struct {
	ctx     context.Context
	end     context.CancelCauseFunc
	release func()
}

func (s *stream) isEnded() bool { return errors.Is(context.Cause(s.ctx), errWhole) }

// streamBody looks like one that the server has ended when its stream is.
type streamBody struct {
	io.ReadCloser
	stream *stream
}

func (b *streamBody) Read(into []byte) (int, error) {
	count, err := b.ReadCloser.Read(into)
	if err != nil && b.stream.isEnded() {
		err = io.EOF
	}
	return count, err
}

func (b *streamBody) Close() error {
	defer b.stream.release()
	return b.ReadCloser.Close()
}

// expired is the answer of kube-apiserver to a request that goes on from a revision which has been
// compacted.
func expired(request *http.Request) (*http.Response, error) {
	status := apierrors.NewResourceExpired(errWhole.Error()).Status()
	status.Kind, status.APIVersion = "Status", "v1"
	body, err := json.Marshal(status)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status:        "410 Gone",
		StatusCode:    http.StatusGone,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{"Content-Type": {runtime.ContentTypeJSON}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       request,
	}, nil
}
