package informerfilter

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	migrationv1 "k8s.io/api/storagemigration/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/streaming"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
)

const typedAgent = "kube-controller-manager/v1.37.1 (linux/amd64) kubernetes/abc/shared-informers"

func quota(names ...corev1.ResourceName) *corev1.ResourceQuota {
	made := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "quota", Namespace: "default"}}
	made.Spec.Hard = corev1.ResourceList{}
	for _, name := range names {
		made.Spec.Hard[name] = resource.MustParse("1")
	}
	return made
}

func TestWhatAQuotaNeeds(t *testing.T) {
	got := countedBy(quota("count/widgets.example.com"))
	if len(got) != 1 || got[0] != widgets.GroupResource() {
		t.Errorf("needed: %v", got)
	}
	for _, name := range []corev1.ResourceName{"pods", "services.nodeports", "requests.cpu", "gold.storageclass/x"} {
		if got := countedBy(quota(name)); len(got) != 0 {
			t.Errorf("%s needs %v", name, got)
		}
	}
	if got := countedBy(quota("count/pods", "pods", "count/jobs.batch")); len(got) != 2 {
		t.Errorf("needed: %v", got)
	}
}

func TestWhatAMigrationNeedsUntilItIsFinished(t *testing.T) {
	migration := &migrationv1.StorageVersionMigration{}
	migration.Spec.Resource = metav1.GroupResource{Group: widgets.Group, Resource: widgets.Resource}
	for _, test := range []struct {
		condition migrationv1.MigrationConditionType
		status    metav1.ConditionStatus
		needs     int
	}{
		{"", "", 1},
		{migrationv1.MigrationRunning, metav1.ConditionTrue, 1},
		{migrationv1.MigrationSucceeded, metav1.ConditionFalse, 1},
		{migrationv1.MigrationSucceeded, metav1.ConditionTrue, 0},
		{migrationv1.MigrationFailed, metav1.ConditionTrue, 0},
	} {
		migration.Status.Conditions = []metav1.Condition{{Type: string(test.condition), Status: test.status}}
		if got := migratedBy(migration); len(got) != test.needs {
			t.Errorf("%s %s: needed %v", test.condition, test.status, got)
		}
	}
}

// answering returns a transport behind a filter, whose server answers everything with body.
func answering(filter *Filter, contentType string, body io.Reader) http.RoundTripper {
	return filter.Wrap(roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {contentType}},
			Body: io.NopCloser(body), Request: r,
		}, nil
	}))
}

func ask(ctx context.Context, t *testing.T, transport http.RoundTripper, agent, url string) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://127.0.0.1"+url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("User-Agent", agent)
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(response.Body)
	return string(content), errors.Join(err, response.Body.Close())
}

// watchOf returns a watch with objects as kube-apiserver sends it, of a media type.
func watchOf(t *testing.T, mediaType string, objects ...runtime.Object) *bytes.Buffer {
	t.Helper()
	info, ok := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), mediaType)
	if !ok {
		t.Fatal(mediaType)
	}
	var written bytes.Buffer
	events := streaming.NewEncoder(info.StreamSerializer.NewFrameWriter(&written), info.StreamSerializer.Serializer)
	encoder := scheme.Codecs.EncoderForVersion(info.Serializer, schema.GroupVersions{
		corev1.SchemeGroupVersion, migrationv1.SchemeGroupVersion,
	})
	for i, object := range objects {
		content, err := runtime.Encode(encoder, object)
		if err != nil {
			t.Fatal(err)
		}
		event := &metav1.WatchEvent{Type: []string{"ADDED", "MODIFIED", "DELETED"}[i%3]}
		event.Object.Raw = content
		if err := events.Encode(event); err != nil {
			t.Fatal(err)
		}
	}
	return &written
}

func TestAWatchIsHandedOnAsItCame(t *testing.T) {
	large := quota("count/widgets.example.com")
	large.Annotations = map[string]string{"long": strings.Repeat("x", 200_000)}
	for _, mediaType := range []string{runtime.ContentTypeProtobuf, runtime.ContentTypeJSON} {
		want := watchOf(t, mediaType, quota("count/widgets.example.com"), large, quota("count/others.example.com"))
		filter := New()
		transport := answering(filter, mediaType+";stream=watch", bytes.NewReader(want.Bytes()))
		got, err := ask(context.Background(), t, transport, typedAgent, quotasPath+"?watch=true")
		if err != nil || got != want.String() {
			t.Errorf("%s: %d bytes became %d, %v", mediaType, want.Len(), len(got), err)
		}
		entered := filter.wholes.entered
		if _, counted := entered[widgets.GroupResource()]; !counted || len(entered) != 1 || filter.wholes.all {
			t.Errorf("%s: needed %v", mediaType, entered)
		}
	}
}

func TestWhatCannotBeReadIsHandedOnAndEndsTheFilter(t *testing.T) {
	event := `{"type":"ADDED","object":{"kind":"Riddle","apiVersion":"v1"}}` + "\n"
	for _, test := range []struct{ contentType, query, content string }{
		{"application/json", "?watch=true", event},
		{"application/riddle", "?watch=true", "?"},
		{"application/riddle", "", "?"},
		{"application/json", "", `{"kind":"Riddle","apiVersion":"v1"}`},
		{";", "", "{}"},
	} {
		filter := New()
		transport := answering(filter, test.contentType, strings.NewReader(test.content))
		got, err := ask(context.Background(), t, transport, typedAgent, quotasPath+test.query)
		if err != nil || got != test.content || !filter.wholes.all {
			t.Errorf("%v became %q, %v; all resources are whole: %v", test, got, err, filter.wholes.all)
		}
	}
}

func TestOtherTypesAndClientsAreNotReadAlong(t *testing.T) {
	for _, test := range []struct{ agent, url string }{
		{typedAgent, "/api/v1/pods?watch=true"},
		{typedAgent, quotasPath + "/status"},
		{"kube-controller-manager/resourcequota-controller", quotasPath + "?watch=true"},
	} {
		filter := New()
		got, err := ask(context.Background(), t, answering(filter, "?", strings.NewReader("?")), test.agent, test.url)
		if err != nil || got != "?" || filter.wholes.all {
			t.Errorf("%v gave %q, %v", test, got, err)
		}
	}
}

// A quota waits for an informer that is behind, no longer than its own request.
func TestAHeldObjectWaitsForTheInformer(t *testing.T) {
	filter := New()
	list := read{resource: widgets.GroupResource(), path: widgetsPath, begins: true}
	_, open, _ := filter.wholes.judge(context.Background(), list)
	open.release()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	for _, query := range []string{"", "?watch=true"} {
		body := watchOf(t, runtime.ContentTypeJSON, quota("count/widgets.example.com"))
		if query == "" {
			body = bytes.NewBufferString(`{"kind":"ResourceQuotaList","apiVersion":"v1","items":[` +
				`{"metadata":{"name":"quota"},"spec":{"hard":{"count/widgets.example.com":"1"}}}]}`)
		}
		transport := answering(filter, runtime.ContentTypeJSON, body)
		if got, err := ask(ctx, t, transport, typedAgent, quotasPath+query); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q gave %q, %v", query, got, err)
		}
	}
	_, _, settle := filter.wholes.judge(context.Background(), list)
	settle()
	if err := filter.wholes.await(context.Background(), widgets.GroupResource()); err != nil {
		t.Error(err)
	}
}

func TestAnInformerThatCannotListIsNotWaitedForWithoutEnd(t *testing.T) {
	w := newWholes()
	list := read{resource: widgets.GroupResource(), path: widgetsPath, begins: true}
	_, open, _ := w.judge(context.Background(), list)
	open.release()
	w.enter(widgets.GroupResource(), klog.KRef("default", "quota"))
	w.entered[widgets.GroupResource()] = time.Now().Add(-patience)
	if err := w.await(context.Background(), widgets.GroupResource()); err != nil {
		t.Error(err)
	}
}
