package informerfilter

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

const (
	widgetsPath    = "/apis/example.com/v1/widgets"
	quotasPath     = "/api/v1/resourcequotas"
	migrationsPath = "/apis/storagemigration.k8s.io/v1/storageversionmigrations"
)

// kinds are the apiVersion and kind of what the cluster serves.
var kinds = map[string][2]string{
	widgetsPath:    {"meta.k8s.io/v1", "PartialObjectMetadata"},
	quotasPath:     {"v1", "ResourceQuota"},
	migrationsPath: {"storagemigration.k8s.io/v1", "StorageVersionMigration"},
}

// cluster is an API server with lists, watches and watch-lists, label selectors and a history.
type cluster struct {
	t       *testing.T
	address string

	mutex    sync.Mutex
	history  []change
	changed  chan struct{}  // closed at the next change
	refusals map[string]int // status codes with which a path is answered
	requests []string       // for widgets, as VERB SELECTOR
}

type change struct {
	path, event string
	object      *unstructured.Unstructured // its resource version is the place in the history
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t, changed: make(chan struct{}), refusals: map[string]int{}}
	server := httptest.NewServer(c)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	c.address = server.URL
	return c
}

// change writes an object, with what fill puts into it.
func (c *cluster) change(event, path, name string, fill func(*unstructured.Unstructured)) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	object := newObject(path)
	object.SetName(name)
	object.SetNamespace("default")
	object.SetResourceVersion(strconv.Itoa(len(c.history) + 1))
	if fill != nil {
		fill(object)
	}
	c.history = append(c.history, change{path, event, object})
	c.wake()
}

// refuse answers a path with a status code from now on, or as usual again if it is 0.
func (c *cluster) refuse(path string, code int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.refusals[path] = code
	c.wake()
}

func (c *cluster) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *cluster) takeRequests() []string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	taken := c.requests
	c.requests = nil
	return taken
}

func newObject(path string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion(kinds[path][0])
	object.SetKind(kinds[path][1])
	return object
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	selector, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		c.t.Errorf("selector: %v", err)
	}
	verb := "list"
	if query.Get("watch") == "true" {
		verb = "watch"
	}
	if query.Get("sendInitialEvents") == "true" {
		verb = "watch-list"
	}
	if code := c.receive(r.URL.Path, verb+" "+selector.String()); code != 0 {
		status := metav1.Status{Status: metav1.StatusFailure, Code: int32(code)}
		status.Kind, status.APIVersion = "Status", "v1"
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		c.write(w, status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if verb == "list" {
		c.list(w, r.URL.Path, selector)
		return
	}
	c.watch(w, r, selector, verb == "watch-list")
}

// receive notes a request and returns the code with which it is to be refused, or 0.
func (c *cluster) receive(path, request string) int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if _, served := kinds[path]; !served {
		return http.StatusNotFound
	}
	if path == widgetsPath {
		c.requests = append(c.requests, strings.TrimSpace(request))
	}
	return c.refusals[path]
}

// now returns the objects of a path that exist, the revision, and what is closed at the next one.
func (c *cluster) now(path string, selector labels.Selector) ([]*unstructured.Unstructured, int, <-chan struct{}) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var found []*unstructured.Unstructured
	for i, one := range c.history {
		newer := slices.ContainsFunc(c.history[i+1:], func(later change) bool {
			return later.path == one.path && later.object.GetName() == one.object.GetName()
		})
		if one.path == path && !newer && one.event != "DELETED" &&
			selector.Matches(labels.Set(one.object.GetLabels())) {
			found = append(found, one.object)
		}
	}
	return found, len(c.history), c.changed
}

func (c *cluster) list(w http.ResponseWriter, path string, selector labels.Selector) {
	objects, revision, _ := c.now(path, selector)
	list := map[string]any{
		"apiVersion": kinds[path][0], "kind": kinds[path][1] + "List",
		"metadata": map[string]any{"resourceVersion": strconv.Itoa(revision)},
		"items":    append([]*unstructured.Unstructured{}, objects...),
	}
	c.write(w, list)
}

func (c *cluster) watch(w http.ResponseWriter, r *http.Request, selector labels.Selector, initial bool) {
	path := r.URL.Path
	sent, err := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	if err != nil && !initial {
		c.t.Errorf("watch from %q: %v", r.URL.RawQuery, err)
	}
	if initial {
		var objects []*unstructured.Unstructured
		objects, sent, _ = c.now(path, selector)
		for _, object := range objects {
			c.send(w, "ADDED", object)
		}
		bookmark := newObject(path)
		bookmark.SetResourceVersion(strconv.Itoa(sent))
		bookmark.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
		c.send(w, "BOOKMARK", bookmark)
	}
	w.(http.Flusher).Flush()
	for r.Context().Err() == nil {
		_, revision, next := c.now(path, selector)
		c.mutex.Lock()
		changes, refused := c.history[sent:revision], c.refusals[path] != 0
		c.mutex.Unlock()
		if refused {
			return // the watch ends, and its client is told why when it comes again
		}
		for _, change := range changes {
			if change.path == path && selector.Matches(labels.Set(change.object.GetLabels())) {
				c.send(w, change.event, change.object)
			}
		}
		sent = revision
		select {
		case <-next:
		case <-r.Context().Done():
		}
	}
}

func (c *cluster) send(w http.ResponseWriter, event string, object *unstructured.Unstructured) {
	c.write(w, map[string]any{"type": event, "object": object})
	w.(http.Flusher).Flush()
}

// write may fail when the client has gone.
func (c *cluster) write(w http.ResponseWriter, answer any) {
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		c.t.Logf("answer: %v", err)
	}
}
