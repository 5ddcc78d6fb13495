package informerfilter

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

const (
	deadline = 20 * time.Second
	partial  = `{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata",` +
		`"metadata":{"name":"one","namespace":"default"}}`
	emptyList = `{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadataList",` +
		`"metadata":{"resourceVersion":"1"},"items":[]}`
)

var widgets = schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}

// server answers like an API server and hands out what was asked, as METHOD PATH?QUERY.
func server(t *testing.T) (address string, asked <-chan string) {
	t.Helper()
	requests := make(chan string, 1)
	started := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := url.QueryUnescape(r.URL.RawQuery)
		if err != nil {
			t.Errorf("query %q: %v", r.URL.RawQuery, err)
		}
		requests <- r.Method + " " + r.URL.Path + "?" + query
		w.Header().Set("Content-Type", "application/json")
		answer := partial
		switch {
		case r.URL.Query().Get("watch") == "true":
			answer = `{"type":"ADDED","object":` + partial + "}\n"
		case r.URL.Path == "/apis/example.com/v1/widgets", r.URL.Path == "/apis/example.com/v1/namespaces/default/widgets":
			answer = emptyList
		}
		if _, err := io.WriteString(w, answer); err != nil {
			t.Errorf("answer: %v", err)
		}
	}))
	t.Cleanup(started.Close)
	return started.URL, requests
}

// client returns a metadata client as kube-controller-manager makes the one with that name.
func client(t *testing.T, address, name string) metadata.Interface {
	t.Helper()
	config := &rest.Config{Host: address}
	config.Wrap(New().Wrap)
	made, err := metadata.NewForConfig(rest.AddUserAgent(config, name))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestListsAndWatchesOfTheInformersLeaveMarkedObjectsOut(t *testing.T) {
	address, asked := server(t)
	informers := client(t, address, "metadata-informers").Resource(widgets)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	yes := true
	list := func(options metav1.ListOptions, namespace string) func() error {
		return func() error {
			if namespace != "" {
				_, err := informers.Namespace(namespace).List(ctx, options)
				return err
			}
			_, err := informers.List(ctx, options)
			return err
		}
	}
	watch := func(options metav1.ListOptions) func() error {
		return func() error {
			started, err := informers.Watch(ctx, options)
			if err == nil {
				started.Stop()
			}
			return err
		}
	}
	const all, skip = "/apis/example.com/v1/widgets?", "labelSelector=!skip-controller-manager-metadata-caching"
	for _, test := range []struct {
		name string
		do   func() error
		want string
	}{
		{"list", list(metav1.ListOptions{}, ""), "GET " + all + skip},
		{"list of a namespace", list(metav1.ListOptions{}, "default"),
			"GET /apis/example.com/v1/namespaces/default/widgets?" + skip},
		{"page", list(metav1.ListOptions{Limit: 500, Continue: "abc", ResourceVersion: "0"}, ""),
			"GET " + all + "continue=abc&" + skip + "&limit=500&resourceVersion=0"},
		{"list with a selector", list(metav1.ListOptions{LabelSelector: "app in (a, b),tier!=x"}, ""),
			"GET " + all + "labelSelector=app in (a, b),tier!=x,!skip-controller-manager-metadata-caching"},
		{"list of one name", list(metav1.ListOptions{FieldSelector: "metadata.name=one"}, ""),
			"GET " + all + "fieldSelector=metadata.name=one&" + skip},
		{"watch", watch(metav1.ListOptions{ResourceVersion: "5", AllowWatchBookmarks: true}),
			"GET " + all + "allowWatchBookmarks=true&" + skip + "&resourceVersion=5&watch=true"},
		{"watch-list", watch(metav1.ListOptions{SendInitialEvents: &yes, AllowWatchBookmarks: true,
			ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan}),
			"GET " + all + "allowWatchBookmarks=true&" + skip +
				"&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&watch=true"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.do(); err != nil {
				t.Fatal(err)
			}
			if got := <-asked; got != test.want {
				t.Errorf("asked\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestRequestsForOneObjectStayAsTheyAre(t *testing.T) {
	address, asked := server(t)
	informers := client(t, address, "metadata-informers").Resource(widgets).Namespace("default")
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	const one = " /apis/example.com/v1/namespaces/default/widgets/one?"

	got, err := informers.Get(ctx, "one", metav1.GetOptions{})
	if request := <-asked; err != nil || got.Name != "one" || request != "GET"+one {
		t.Errorf("get: %v, %v, asked %s", got, err, request)
	}
	_, err = informers.Patch(ctx, "one", types.MergePatchType, []byte("{}"), metav1.PatchOptions{})
	if request := <-asked; err != nil || request != "PATCH"+one {
		t.Errorf("patch: %v, asked %s", err, request)
	}
	err = informers.Delete(ctx, "one", metav1.DeleteOptions{})
	if request := <-asked; err != nil || request != "DELETE"+one {
		t.Errorf("delete: %v, asked %s", err, request)
	}
	err = informers.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "app=a"})
	const collection = "DELETE /apis/example.com/v1/namespaces/default/widgets?labelSelector=app=a"
	if request := <-asked; err != nil || request != collection {
		t.Errorf("delete of a collection: %v, asked %s", err, request)
	}
}

func TestOtherClientsSeeEverything(t *testing.T) {
	address, asked := server(t)
	for _, name := range []string{
		"namespace-controller", "shared-informers", "not-metadata-informers", "metadata-informers-2",
	} {
		others := client(t, address, name).Resource(widgets)
		if _, err := others.List(context.Background(), metav1.ListOptions{LabelSelector: "app=a"}); err != nil {
			t.Fatal(err)
		}
		if got, want := <-asked, "GET /apis/example.com/v1/widgets?labelSelector=app=a"; got != want {
			t.Errorf("%s asked %s, want %s", name, got, want)
		}
	}
}

// A transport must not change the request that it was given.
func TestTheRequestOfTheCallerIsNotChanged(t *testing.T) {
	var sent []string
	wrapped := New().Wrap(roundTripper(func(r *http.Request) (*http.Response, error) {
		sent = append(sent, r.URL.RawQuery)
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
	}))
	const address = "https://127.0.0.1:6443/api/v1/namespaces?labelSelector=a%3Db"
	request, err := http.NewRequest(http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	const userAgent = "kube-controller-manager/v1.37.1 (linux/amd64) kubernetes/abc/metadata-informers"
	request.Header.Set("User-Agent", userAgent)
	for range 2 { // as a retry would
		response, err := wrapped.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want := "labelSelector=a%3Db%2C%21skip-controller-manager-metadata-caching"
	if !slices.Equal(sent, []string{want, want}) || request.URL.String() != address {
		t.Errorf("sent %q, and the caller's request is now for %s", sent, request.URL)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
