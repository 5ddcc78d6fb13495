// Package informerfilter keeps objects that ask for it out of the metadata informers of
// kube-controller-manager. Those informers hold the metadata of every object of every type that has
// no typed informer, which is memory per custom resource; objects with the label SkipLabel are
// collected as garbage by the storage and need not be there.
//
// Only the client of the informers is touched. The namespace controller and others have metadata
// clients of their own and must see everything: a namespace would end while objects in it still
// carry finalizers.
//
// Two controllers share the informers and need every object of a resource: that of ResourceQuotas,
// where one counts the resource, and that of StorageVersionMigrations, where one migrates it. Such a
// resource is not filtered (wholes.go), and the controllers hear of the quota or the migration when
// the informers have all objects (demand.go).
//
// To the informers an object that gets the label later looks deleted, and the garbage collector then
// wants to delete what it owns; the storage refuses that (package collecting). One that loses the
// label looks new.
package informerfilter

import (
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/sets"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
)

const (
	// SkipLabel marks the objects that stay out of the informers, whatever its value is.
	SkipLabel = "skip-controller-manager-metadata-caching"

	// The names that kube-controller-manager gives to the clients of its metadata informers and of
	// its typed informers; client-go makes them the last segment of the user agent.
	metadataClient = "metadata-informers"
	typedClient    = "shared-informers"

	labelSelector = "labelSelector"
)

// Filter is the filter of one process. The clients that Wrap is used for share what it knows of the
// resources that are needed whole.
type Filter struct {
	wholes   *wholes
	requests *genericapirequest.RequestInfoFactory
}

// New returns a filter.
func New() *Filter {
	return &Filter{
		wholes: newWholes(),
		requests: &genericapirequest.RequestInfoFactory{
			APIPrefixes:          sets.NewString("api", "apis"),
			GrouplessAPIPrefixes: sets.NewString("api"),
		},
	}
}

// Wrap returns a transport that adds "!SkipLabel" to the label selector of the list and watch
// requests of the metadata informers, delays what the typed informers are told of quotas and
// migrations, and hands everything else to next as it is. It has the shape of
// rest.Config.WrapTransport.
//
// The client is known by its user agent, in each request: kube-controller-manager makes all its
// clients from one rest.Config inside functions that take no hook, so that the configuration they
// share is the only place to reach, and the name is what tells its clients apart. WrapTransport is
// the innermost wrapper of a client: the header is set when a request comes here. A test holds the
// names against upstream.
func (f *Filter) Wrap(next http.RoundTripper) http.RoundTripper {
	return &transport{next: next, filter: f}
}

type transport struct {
	next   http.RoundTripper
	filter *Filter
}

var _ utilnet.RoundTripperWrapper = &transport{}

// WrappedRoundTripper lets client-go reach the inner transport, to close idle connections for
// instance.
func (t *transport) WrappedRoundTripper() http.RoundTripper { return t.next }

func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	read, client := t.filter.readOf(request)
	switch {
	case client == metadataClient:
		return t.roundTripMetadata(request, read)
	case client == typedClient && demanding.Has(read.resource):
		return t.roundTripDemand(request, read)
	default:
		return t.next.RoundTrip(request)
	}
}

func (t *transport) roundTripMetadata(request *http.Request, read read) (*http.Response, error) {
	verdict, open, settle := t.filter.wholes.judge(request.Context(), read)
	switch verdict {
	case expires:
		return expired(request)
	case isFiltered:
		return t.roundTripFiltered(request, open)
	}
	response, err := t.next.RoundTrip(request)
	if settle != nil && err == nil && response.StatusCode == http.StatusOK {
		settleAfter(response, read, settle)
	}
	return response, err
}

// roundTripFiltered sends request with the filter, and ends its answer when open ends.
func (t *transport) roundTripFiltered(request *http.Request, open *stream) (*http.Response, error) {
	filtered := request.Clone(open.ctx) // a round tripper must not change its request
	query := filtered.URL.Query()
	selector := "!" + SkipLabel
	if present := query.Get(labelSelector); present != "" {
		selector = present + "," + selector // requirements are joined by "and"
	}
	query.Set(labelSelector, selector)
	filtered.URL.RawQuery = query.Encode()
	response, err := t.next.RoundTrip(filtered)
	if err == nil {
		response.Body = &streamBody{ReadCloser: response.Body, stream: open}
		return response, nil
	}
	open.release()
	if open.isEnded() {
		return expired(request)
	}
	return nil, err
}

// read is a request that reads a collection.
type read struct {
	resource schema.GroupResource
	path     string // of the collection: each informer has its own
	begins   bool   // the request gives all objects from the start, and does not go on from before
	isWatch  bool
}

// readOf tells what request reads, and for which of the two clients, if it reads a collection for
// one of them. Lists, watches and watch-lists do; the client of the metadata informers also gets,
// patches and deletes single objects by name for the garbage collector.
func (f *Filter) readOf(request *http.Request) (_ read, client string) {
	agent := request.UserAgent()
	client = agent[strings.LastIndexByte(agent, '/')+1:]
	if client != metadataClient && client != typedClient {
		return read{}, ""
	}
	info, err := f.requests.NewRequestInfo(request)
	if err != nil || !info.IsResourceRequest || info.Subresource != "" {
		return read{}, "" // not a collection; the server will say what is wrong with it
	}
	if info.Verb != "list" && info.Verb != "watch" {
		return read{}, ""
	}
	query := request.URL.Query()
	begins := query.Get("continue") == ""
	if info.Verb == "watch" {
		begins = query.Get("sendInitialEvents") == "true"
	}
	return read{
		resource: schema.GroupResource{Group: info.APIGroup, Resource: info.Resource},
		path:     request.URL.Path,
		begins:   begins,
		isWatch:  info.Verb == "watch",
	}, client
}
