// Package informerfilter keeps objects that ask for it out of the metadata informers of
// kube-controller-manager. Those informers hold the metadata of every object of every type that has
// no typed informer, which is memory per custom resource; objects with the label SkipLabel are
// collected as garbage by the storage and need not be there.
//
// Only the client of the informers is touched. The namespace controller and others have metadata
// clients of their own and must see everything: a namespace would end while objects in it still
// carry finalizers.
//
// An object must carry the label from its creation on. To the informers, one that gets it later
// looks deleted, and the garbage collector then deletes what it owns; the admission policy that
// comes with kubase refuses such an update. Taking the label away is harmless.
package informerfilter

import (
	"net/http"
	"strings"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/sets"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
)

const (
	// SkipLabel marks the objects that stay out of the informers, whatever its value is.
	SkipLabel = "skip-controller-manager-metadata-caching"

	// informerClient is the name that kube-controller-manager gives to the client of its metadata
	// informers; client-go makes it the last segment of the user agent.
	informerClient = "metadata-informers"

	labelSelector = "labelSelector"
)

// Wrap returns a transport that adds "!SkipLabel" to the label selector of the list and watch
// requests of the metadata informers and hands everything else to next as it is. It has the shape
// of rest.Config.WrapTransport.
//
// The client is known by its user agent, in each request: kube-controller-manager makes all its
// clients from one rest.Config inside functions that take no hook, so that the configuration they
// share is the only place to reach, and the name is what tells its clients apart. WrapTransport is
// the innermost wrapper of a client: the header is set when a request comes here. If a later
// Kubernetes renames the client, its requests pass unfiltered: more memory, but nothing is lost.
func Wrap(next http.RoundTripper) http.RoundTripper {
	return &transport{
		next: next,
		requests: &genericapirequest.RequestInfoFactory{
			APIPrefixes:          sets.NewString("api", "apis"),
			GrouplessAPIPrefixes: sets.NewString("api"),
		},
	}
}

type transport struct {
	next     http.RoundTripper
	requests *genericapirequest.RequestInfoFactory
}

var _ utilnet.RoundTripperWrapper = &transport{}

// WrappedRoundTripper lets client-go reach the inner transport, to close idle connections for
// instance.
func (t *transport) WrappedRoundTripper() http.RoundTripper { return t.next }

func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if !t.applies(request) {
		return t.next.RoundTrip(request)
	}
	filtered := request.Clone(request.Context()) // a round tripper must not change its request
	query := filtered.URL.Query()
	selector := "!" + SkipLabel
	if present := query.Get(labelSelector); present != "" {
		selector = present + "," + selector // requirements are joined by "and"
	}
	query.Set(labelSelector, selector)
	filtered.URL.RawQuery = query.Encode()
	return t.next.RoundTrip(filtered)
}

// applies tells whether request reads a collection for the metadata informers. Lists, watches and
// watch-lists do; the same client also gets, patches and deletes single objects by name for the
// garbage collector.
func (t *transport) applies(request *http.Request) bool {
	if !strings.HasSuffix(request.UserAgent(), "/"+informerClient) {
		return false
	}
	info, err := t.requests.NewRequestInfo(request)
	if err != nil || !info.IsResourceRequest || info.Subresource != "" {
		return false // not a collection; the server will say what is wrong with it
	}
	return info.Verb == "list" || info.Verb == "watch"
}
