// Package storedobjects only tests: it says what kube-apiserver's own code finds in stored objects,
// their labels and selectable fields, and compares that with the corpus in tests/selectors, against
// which kubase's reader of objects is tested.
package storedobjects

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/server/options"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/controlplane"
	"k8s.io/kubernetes/pkg/kubeapiserver"
	kubeletclient "k8s.io/kubernetes/pkg/kubelet/client"
	replicasets "k8s.io/kubernetes/pkg/registry/apps/replicaset/storage"
	jobs "k8s.io/kubernetes/pkg/registry/batch/job/storage"
	signingrequests "k8s.io/kubernetes/pkg/registry/certificates/certificates/storage"
	trustbundles "k8s.io/kubernetes/pkg/registry/certificates/clustertrustbundle/storage"
	podrequests "k8s.io/kubernetes/pkg/registry/certificates/podcertificaterequest/storage"
	leasecandidates "k8s.io/kubernetes/pkg/registry/coordination/leasecandidate/storage"
	configmaps "k8s.io/kubernetes/pkg/registry/core/configmap/storage"
	events "k8s.io/kubernetes/pkg/registry/core/event/storage"
	namespaces "k8s.io/kubernetes/pkg/registry/core/namespace/storage"
	nodes "k8s.io/kubernetes/pkg/registry/core/node/storage"
	pods "k8s.io/kubernetes/pkg/registry/core/pod/storage"
	controllers "k8s.io/kubernetes/pkg/registry/core/replicationcontroller/storage"
	secrets "k8s.io/kubernetes/pkg/registry/core/secret/storage"
	"k8s.io/kubernetes/pkg/registry/core/service"
	slices "k8s.io/kubernetes/pkg/registry/resource/resourceslice/storage"
	"k8s.io/utils/clock"

	api "k8s.io/kubernetes/pkg/apis/core"
)

// kind is how kube-apiserver stores and selects the objects of one resource.
type kind struct {
	resource schema.GroupResource
	prefix   string // of its keys
	newFunc  func() runtime.Object
	codec    runtime.Codec
	attrs    storage.AttrFunc
}

// name is the one that the keys give the resource, as kubase does it.
func (k kind) name() string {
	switch k.prefix {
	case "minions":
		return "nodes"
	case "services/specs":
		return "services"
	}
	return k.prefix
}

func newStorageFactory(t *testing.T) *serverstorage.DefaultStorageFactory {
	t.Helper()
	config := kubeapiserver.NewStorageFactoryConfig()
	config.APIResourceConfig = controlplane.DefaultAPIResourceConfigSource()
	etcd := options.NewEtcdOptions(storagebackend.NewDefaultConfig("/registry", nil))
	etcd.DefaultStorageMediaType = runtime.ContentTypeProtobuf // as kube-apiserver has it
	storageFactory, err := config.Complete(etcd).New()
	if err != nil {
		t.Fatal(err)
	}
	return storageFactory
}

// recorder stands in for the storage that a registry asks for, and records what it would get.
type recorder struct {
	factory *serverstorage.DefaultStorageFactory
	kinds   []kind
}

func (r *recorder) GetRESTOptions(resource schema.GroupResource, example runtime.Object) (generic.RESTOptions, error) {
	config, err := r.factory.NewConfig(resource, example)
	if err != nil {
		return generic.RESTOptions{}, err
	}
	record := func(
		config *storagebackend.ConfigForResource, prefix string, _ func(runtime.Object) (string, error),
		newFunc func() runtime.Object, _ func() runtime.Object, attrs storage.AttrFunc,
		_ storage.IndexerFuncs, _ *cache.Indexers,
	) (storage.Interface, factory.DestroyFunc, error) {
		r.kinds = append(r.kinds, kind{resource, r.factory.ResourcePrefix(resource), newFunc, config.Codec, attrs})
		return nil, func() {}, nil
	}
	return generic.RESTOptions{
		StorageConfig: config, Decorator: record, ResourcePrefix: r.factory.ResourcePrefix(resource),
	}, nil
}

// addServices does by hand what the registry of services does, which needs too much else.
func (r *recorder) addServices() error {
	resource := api.Resource("services")
	config, err := r.factory.NewConfig(resource, &api.Service{})
	if err != nil {
		return err
	}
	newFunc := func() runtime.Object { return &api.Service{} }
	r.kinds = append(r.kinds,
		kind{resource, r.factory.ResourcePrefix(resource), newFunc, config.Codec, service.GetAttrs})
	return nil
}

// storedKinds returns all resources that have selectable fields, and some whose fields no selector
// may name: config maps, lease candidates and replica sets.
func storedKinds(t *testing.T) []kind {
	t.Helper()
	r := &recorder{factory: newStorageFactory(t)}
	for _, register := range []func() error{
		func() error { _, _, _, err := signingrequests.NewREST(r); return err },
		func() error { _, err := trustbundles.NewREST(r); return err },
		func() error { _, err := configmaps.NewREST(r); return err },
		func() error { _, err := controllers.NewStorage(r); return err },
		func() error { _, err := events.NewREST(r, 0); return err },
		func() error { _, err := jobs.NewStorage(r); return err },
		func() error { _, err := leasecandidates.NewREST(r); return err },
		func() error { _, _, _, err := namespaces.NewREST(r); return err },
		func() error { _, err := nodes.NewStorage(r, kubeletclient.KubeletClientConfig{}, nil); return err },
		func() error { _, _, err := podrequests.NewREST(r, nil, clock.RealClock{}); return err },
		func() error { _, err := pods.NewStorage(r, nil, nil, nil, nil); return err },
		func() error { _, err := replicasets.NewStorage(r); return err },
		func() error { _, err := slices.NewREST(r); return err },
		func() error { _, err := secrets.NewREST(r); return err },
		r.addServices,
	} {
		if err := register(); err != nil {
			t.Fatal(err)
		}
	}
	return r.kinds
}
