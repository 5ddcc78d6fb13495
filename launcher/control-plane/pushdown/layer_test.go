package pushdown

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/value"
	"k8s.io/client-go/kubernetes/scheme"
)

const (
	deadline     = 20 * time.Second
	resourceKey  = "/configmaps"
	storeKey     = "/registry/configmaps/default/one"
	someRevision = 7
)

// etcd is a gRPC server with the calls of etcd that a storage makes to read. It holds one config
// map, ignores selectors as etcd does, and records what each call carried.
type etcd struct {
	pb.UnimplementedKVServer
	pb.UnimplementedWatchServer
	pb.UnimplementedMaintenanceServer
	content []byte

	mutex sync.Mutex
	calls []string
}

// record notes a call as METHOD LABELS FIELDS, with "-" for a selector that was not sent.
func (e *etcd) record(ctx context.Context, method string) {
	incoming, _ := metadata.FromIncomingContext(ctx)
	call := method
	for _, key := range []string{LabelSelectorKey, FieldSelectorKey} {
		sent := "-"
		if values := incoming.Get(key); len(values) > 0 {
			decoded, err := url.PathUnescape(strings.Join(values, " and "))
			if err != nil {
				decoded = err.Error()
			}
			sent = decoded
		}
		call += " " + sent
	}
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.calls = append(e.calls, call)
}

// takeCalls returns the calls since the last time.
func (e *etcd) takeCalls() []string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	calls := e.calls
	e.calls = nil
	return calls
}

// stored returns the config map as it was created at a revision.
func (e *etcd) stored(revision int64) *mvccpb.KeyValue {
	return &mvccpb.KeyValue{
		Key: []byte(storeKey), Value: e.content,
		CreateRevision: revision, ModRevision: revision, Version: 1,
	}
}

func (e *etcd) answer() *pb.RangeResponse {
	return &pb.RangeResponse{
		Header: &pb.ResponseHeader{Revision: someRevision},
		Kvs:    []*mvccpb.KeyValue{e.stored(2)},
		Count:  1,
	}
}

func (e *etcd) Range(ctx context.Context, request *pb.RangeRequest) (*pb.RangeResponse, error) {
	e.record(ctx, "Range")
	if len(request.RangeEnd) == 0 && string(request.Key) != storeKey {
		return &pb.RangeResponse{Header: &pb.ResponseHeader{Revision: someRevision}}, nil
	}
	return e.answer(), nil
}

func (e *etcd) RangeStream(_ *pb.RangeRequest, stream grpc.ServerStreamingServer[pb.RangeStreamResponse]) error {
	e.record(stream.Context(), "RangeStream")
	return stream.Send(&pb.RangeStreamResponse{RangeResponse: e.answer()})
}

func (e *etcd) Watch(stream grpc.BidiStreamingServer[pb.WatchRequest, pb.WatchResponse]) error {
	e.record(stream.Context(), "Watch")
	for id := int64(0); ; id++ {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		if request.GetCreateRequest() == nil {
			continue
		}
		header := &pb.ResponseHeader{Revision: someRevision}
		if err := stream.Send(&pb.WatchResponse{Header: header, WatchId: id, Created: true}); err != nil {
			return err
		}
		// One event per watch tells the test that the watch has come this far.
		events := []*mvccpb.Event{{Type: mvccpb.Event_PUT, Kv: e.stored(someRevision + 1)}}
		if err := stream.Send(&pb.WatchResponse{Header: header, WatchId: id, Events: events}); err != nil {
			return err
		}
	}
}

func (e *etcd) Status(context.Context, *pb.StatusRequest) (*pb.StatusResponse, error) {
	return &pb.StatusResponse{Header: &pb.ResponseHeader{Revision: someRevision}, Version: "3.7.3"}, nil
}

func codec() runtime.Codec {
	version := corev1.SchemeGroupVersion
	codecs := scheme.Codecs
	return codecs.CodecForVersions(codecs.LegacyCodec(version), codecs.UniversalDeserializer(), version, version)
}

// startEtcd serves until the test ends and returns the server and its address.
func startEtcd(t *testing.T) (*etcd, string) {
	t.Helper()
	one := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Name: "one", Namespace: "default", Labels: map[string]string{"app": "a"},
	}}
	content, err := runtime.Encode(codec(), one)
	if err != nil {
		t.Fatal(err)
	}
	service := &etcd{content: content}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterKVServer(server, service)
	pb.RegisterWatchServer(server, service)
	pb.RegisterMaintenanceServer(server, service)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("etcd: %v", err)
		}
	})
	return service, "http://" + listener.Addr().String()
}

// plainGetter gives storages as kube-apiserver makes them without its watch cache.
type plainGetter struct{ config *storagebackend.Config }

func (g plainGetter) GetRESTOptions(resource schema.GroupResource, _ runtime.Object) (generic.RESTOptions, error) {
	return generic.RESTOptions{
		StorageConfig: g.config.ForResource(resource),
		Decorator:     generic.UndecoratedStorage,
	}, nil
}

// newStorage returns a storage of config maps over a real etcd client, with the layer on it.
func newStorage(t *testing.T, address string, transformer value.Transformer) storage.Interface {
	t.Helper()
	config := storagebackend.NewDefaultConfig("/registry", codec())
	config.CompactionInterval = 0
	config.Transport.ServerList = []string{address}
	config.Transformer = transformer
	options, err := NewLayer().Wrap(plainGetter{config}).GetRESTOptions(schema.GroupResource{Resource: "configmaps"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	made, destroy, err := options.Decorator(options.StorageConfig, resourceKey, nil,
		func() runtime.Object { return &corev1.ConfigMap{} },
		func() runtime.Object { return &corev1.ConfigMapList{} }, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(destroy)
	return made
}

// listOptions selects config maps; an empty selector is left out.
func listOptions(t *testing.T, labelSelector, fieldSelector string) storage.ListOptions {
	t.Helper()
	selection := predicate(t, labelSelector, fieldSelector)
	selection.GetAttrs = func(object runtime.Object) (labels.Set, fields.Set, error) {
		configMap := object.(*corev1.ConfigMap)
		return configMap.Labels, fields.Set{"metadata.name": configMap.Name}, nil
	}
	return storage.ListOptions{Recursive: true, Predicate: selection}
}

func expectCalls(t *testing.T, server *etcd, want ...string) {
	t.Helper()
	if got := server.takeCalls(); !slices.Equal(got, want) {
		t.Errorf("calls:\n%q\nwant:\n%q", got, want)
	}
}

func TestListsCarryTheirSelectors(t *testing.T) {
	server, address := startEtcd(t)
	configMaps := newStorage(t, address, nil)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()

	list := func(options storage.ListOptions) int {
		t.Helper()
		found := &corev1.ConfigMapList{}
		if err := configMaps.GetList(ctx, resourceKey, options, found); err != nil {
			t.Fatal(err)
		}
		return len(found.Items)
	}
	if got := list(listOptions(t, "app=a", "metadata.name=one")); got != 1 {
		t.Errorf("%d objects match", got)
	}
	expectCalls(t, server, "RangeStream app=a metadata.name=one")

	if got := list(listOptions(t, "app in (b,c)", "")); got != 0 {
		t.Errorf("%d objects match a selector that none matches", got)
	}
	expectCalls(t, server, "RangeStream app in (b,c) -")

	paged := listOptions(t, "app=a", "")
	paged.Predicate.Limit = 500
	if got := list(paged); got != 1 {
		t.Errorf("%d objects match", got)
	}
	expectCalls(t, server, "Range app=a -")

	list(listOptions(t, "", ""))
	expectCalls(t, server, "RangeStream - -")
}

func TestOnlyListAndWatchCarrySelectors(t *testing.T) {
	server, address := startEtcd(t)
	configMaps := newStorage(t, address, nil)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()

	if err := configMaps.GetList(ctx, resourceKey, listOptions(t, "app=a", ""), &corev1.ConfigMapList{}); err != nil {
		t.Fatal(err)
	}
	server.takeCalls()
	if err := configMaps.Get(ctx, resourceKey+"/default/one", storage.GetOptions{}, &corev1.ConfigMap{}); err != nil {
		t.Fatal(err)
	}
	if _, err := configMaps.GetCurrentResourceVersion(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := configMaps.Stats(ctx); err != nil {
		t.Fatal(err)
	}
	expectCalls(t, server, "Range - -", "Range - -", "Range - -")
}

func TestWatchesCarryTheirSelectorsAndShareAStreamWhenTheyAreEqual(t *testing.T) {
	server, address := startEtcd(t)
	configMaps := newStorage(t, address, nil)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()

	watchUntilEvents := func(options storage.ListOptions, events int) {
		t.Helper()
		started, err := configMaps.Watch(ctx, resourceKey, options)
		if err != nil {
			t.Fatal(err)
		}
		for range events {
			select {
			case <-started.ResultChan():
			case <-ctx.Done():
				t.Fatal("no event came")
			}
		}
	}
	plain := listOptions(t, "app=a", "")
	plain.ResourceVersion = "7"
	watchUntilEvents(plain, 1)
	watchUntilEvents(plain, 1)
	expectCalls(t, server, "Watch app=a -")

	other := listOptions(t, "app=a", "metadata.name=one")
	other.ResourceVersion = "7"
	watchUntilEvents(other, 1)
	expectCalls(t, server, "Watch app=a metadata.name=one")

	yes := true
	watchList := listOptions(t, "app!=b", "")
	watchList.SendInitialEvents = &yes
	watchList.Predicate.AllowWatchBookmarks = true
	watchUntilEvents(watchList, 3) // the stored object, the bookmark, the event
	expectCalls(t, server, "RangeStream app!=b -", "Watch app!=b -")
}

// keyService stands for encryption at rest with a remote key: what it is called with would reach
// the remote.
type keyService struct {
	mutex sync.Mutex
	seen  []metadata.MD
}

func (k *keyService) TransformFromStorage(ctx context.Context, data []byte, _ value.Context) ([]byte, bool, error) {
	k.note(ctx)
	return data, false, nil
}

func (k *keyService) TransformToStorage(ctx context.Context, data []byte, _ value.Context) ([]byte, error) {
	k.note(ctx)
	return data, nil
}

func (k *keyService) note(ctx context.Context) {
	outgoing, _ := metadata.FromOutgoingContext(ctx)
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.seen = append(k.seen, outgoing)
}

func TestSelectorsDoNotReachTheKeyServiceOfEncryption(t *testing.T) {
	_, address := startEtcd(t)
	keys := &keyService{}
	configMaps := newStorage(t, address, keys)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	found := &corev1.ConfigMapList{}
	if err := configMaps.GetList(ctx, resourceKey, listOptions(t, "app=a", ""), found); err != nil {
		t.Fatal(err)
	}
	if len(found.Items) != 1 || len(keys.seen) != 1 || len(keys.seen[0].Get(LabelSelectorKey)) != 0 {
		t.Errorf("%d objects, the key service saw %v", len(found.Items), keys.seen)
	}
}

func TestPagesOfANamespaceGoOnInIt(t *testing.T) {
	for _, test := range []struct {
		key, fields, token, want string
	}{
		{"/pods", "metadata.namespace=apps", "token", "/pods/apps"},
		{"/pods", "metadata.namespace=apps,spec.nodeName=n", "token", "/pods/apps"},
		{"/pods", "metadata.namespace=apps", "", "/pods"}, // kube-apiserver's own key
		{"/pods/apps", "metadata.namespace=apps", "token", "/pods/apps"},
		{"/pods", "metadata.namespace!=apps", "token", "/pods"},
		{"/pods", "metadata.namespace=a/b", "token", "/pods"}, // not narrowed on the first page either
		{"/pods", "", "token", "/pods"},
	} {
		predicate := storage.SelectionPredicate{
			Field: fields.ParseSelectorOrDie(test.fields), Continue: test.token,
		}
		if got := continuedKey(test.key, "/pods", predicate); got != test.want {
			t.Errorf("%s, %q, %q: goes on at %s, want %s", test.key, test.fields, test.token, got, test.want)
		}
	}
}
