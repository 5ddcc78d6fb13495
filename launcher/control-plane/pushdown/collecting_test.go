package pushdown

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/names"
	"k8s.io/client-go/kubernetes/scheme"

	"kubase/control-plane/collecting"
)

const collector = "system:serviceaccount:kube-system:generic-garbage-collector"

// Txn refuses what the garbage collector writes and does nothing for others, with success.
func (e *etcd) Txn(ctx context.Context, _ *pb.TxnRequest) (*pb.TxnResponse, error) {
	incoming, _ := metadata.FromIncomingContext(ctx)
	e.record(ctx, "Txn")
	if slices.Equal(incoming.Get(collecting.WriterKey), []string{"garbage-collector"}) {
		const message = "kubase: the storage collects this object"
		return nil, status.Error(codes.FailedPrecondition, message)
	}
	return &pb.TxnResponse{Header: &pb.ResponseHeader{Revision: someRevision + 1}, Succeeded: true}, nil
}

// strategy is that of a type without rules of its own.
type strategy struct {
	runtime.ObjectTyper
	names.NameGenerator
}

func (strategy) NamespaceScoped() bool                                            { return true }
func (strategy) AllowCreateOnUpdate(context.Context) bool                         { return false }
func (strategy) AllowUnconditionalUpdate(context.Context) bool                    { return true }
func (strategy) Canonicalize(runtime.Object)                                      {}
func (strategy) PrepareForUpdate(context.Context, runtime.Object, runtime.Object) {}

func (strategy) ValidateUpdate(context.Context, runtime.Object, runtime.Object) field.ErrorList {
	return nil
}

func (strategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

func (strategy) DefaultGarbageCollectionPolicy(context.Context) rest.GarbageCollectionPolicy {
	return rest.DeleteDependents
}

// newRegistry returns kube-apiserver's own registry over a storage whose one config map is stored.
// It counts in cleaned what it believes gone, with data that could be cleaned up after.
func newRegistry(t *testing.T, stored *corev1.ConfigMap) (found *registry.Store, server *etcd, cleaned *atomic.Int32) {
	t.Helper()
	server, address := startEtcd(t)
	content, err := runtime.Encode(codec(), stored)
	if err != nil {
		t.Fatal(err)
	}
	server.content = content
	rules := strategy{ObjectTyper: scheme.Scheme, NameGenerator: names.SimpleNameGenerator}
	resource := schema.GroupResource{Resource: "configmaps"}
	cleaned = &atomic.Int32{}
	return &registry.Store{
		NewFunc:                   func() runtime.Object { return &corev1.ConfigMap{} },
		NewListFunc:               func() runtime.Object { return &corev1.ConfigMapList{} },
		DefaultQualifiedResource:  resource,
		SingularQualifiedResource: schema.GroupResource{Resource: "configmap"},
		EnableGarbageCollection:   true,
		UpdateStrategy:            rules,
		DeleteStrategy:            rules,
		KeyFunc: func(ctx context.Context, name string) (string, error) {
			return registry.NamespaceKeyFunc(ctx, resourceKey, name)
		},
		AfterDelete: func(gone runtime.Object, _ *metav1.DeleteOptions) {
			if configMap := gone.(*corev1.ConfigMap); len(configMap.Data) > 0 {
				cleaned.Add(1)
			}
		},
		Storage: registry.DryRunnableStorage{Storage: newStorage(t, address, nil), Codec: codec()},
	}, server, cleaned
}

func storedConfigMap() *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "one", Namespace: "default", UID: "u"},
		Data:       map[string]string{"address": "10.0.0.7"},
	}
}

// requestBy returns the context of a request in the namespace of the config map.
func requestBy(t *testing.T, name string) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	ctx = genericapirequest.WithNamespace(ctx, "default")
	return genericapirequest.WithUser(ctx, &user.DefaultInfo{Name: name})
}

// deletion is how the garbage collector deletes.
func deletion(policy metav1.DeletionPropagation) *metav1.DeleteOptions {
	uid, version := types.UID("u"), "2" // the fake etcd's revision of what is stored
	return &metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &uid, ResourceVersion: &version},
		PropagationPolicy: &policy,
	}
}

func TestARefusedDeleteOfTheCollectorIsAnsweredAsDone(t *testing.T) {
	for _, policy := range []metav1.DeletionPropagation{
		metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan,
	} {
		t.Run(string(policy), func(t *testing.T) {
			configMaps, server, cleaned := newRegistry(t, storedConfigMap())
			answer, _, err := configMaps.Delete(requestBy(t, collector), "one", rest.ValidateAllObjectFunc, deletion(policy))
			if err != nil || answer == nil {
				t.Fatalf("answered %v, %v", answer, err)
			}
			if cleaned.Load() != 0 {
				t.Error("the registry cleaned up after an object that is still there")
			}
			// One read to find it, one for the write, the write, one read for the answer; nothing again.
			expectCalls(t, server, "Range - -", "Range - -", "Txn - -", "Range - -")
		})
	}
}

// finalizing is a config map that goes when its last finalizer does.
func finalizing() *corev1.ConfigMap {
	now, zero := metav1.Now(), int64(0)
	stored := storedConfigMap()
	stored.DeletionTimestamp, stored.DeletionGracePeriodSeconds = &now, &zero
	stored.Finalizers = []string{metav1.FinalizerDeleteDependents}
	return stored
}

func withoutFinalizer(_ context.Context, updated, _ runtime.Object) (runtime.Object, error) {
	updated.(*corev1.ConfigMap).Finalizers = nil
	return updated, nil
}

// current makes an update start from what is stored, as a patch does.
func current(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
	return old.DeepCopyObject(), nil
}

func TestARefusedRemovalOfTheLastFinalizerIsAnsweredAsDone(t *testing.T) {
	configMaps, server, cleaned := newRegistry(t, finalizing())
	answer, created, err := configMaps.Update(requestBy(t, collector), "one",
		rest.DefaultUpdatedObjectInfo(nil, current, withoutFinalizer), nil, rest.ValidateAllObjectUpdateFunc, false,
		&metav1.UpdateOptions{})
	if err != nil || created {
		t.Fatalf("answered %v, %v, %v", answer, created, err)
	}
	if got := answer.(*corev1.ConfigMap); got.Name != "one" || cleaned.Load() != 0 {
		t.Errorf("answered %v; cleaned up %d times", got, cleaned.Load())
	}
	expectCalls(t, server, "Range - -", "Range - -", "Txn - -", "Range - -")
}

func TestARefusedUpdateOfTheCollectorIsAnsweredWithTheObjectAsItIs(t *testing.T) {
	stored := storedConfigMap()
	stored.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: "o"}}
	configMaps, server, _ := newRegistry(t, stored)
	orphan := func(_ context.Context, updated, _ runtime.Object) (runtime.Object, error) {
		updated.(*corev1.ConfigMap).OwnerReferences = nil
		return updated, nil
	}
	answer, _, err := configMaps.Update(requestBy(t, collector), "one",
		rest.DefaultUpdatedObjectInfo(nil, current, orphan), nil, rest.ValidateAllObjectUpdateFunc, false,
		&metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := answer.(*corev1.ConfigMap)
	if len(got.OwnerReferences) != 1 || got.ResourceVersion != "2" || len(got.Data) != 1 {
		t.Errorf("answered %v", got)
	}
	expectCalls(t, server, "Range - -", "Txn - -", "Range - -")
}

func TestTheWriterDoesNotReachTheKeyServiceOfEncryption(t *testing.T) {
	_, address := startEtcd(t)
	keys := &keyService{}
	configMaps := newStorage(t, address, keys)
	relabel := storage.SimpleUpdate(func(stored runtime.Object) (runtime.Object, error) {
		stored.(*corev1.ConfigMap).Labels = nil
		return stored, nil
	})
	err := configMaps.GuaranteedUpdate(requestBy(t, collector), resourceKey+"/default/one",
		&corev1.ConfigMap{}, false, nil, relabel, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(keys.seen) != 3 { // the object is read, written and read again for the answer
		t.Errorf("the key service worked %d times", len(keys.seen))
	}
	for _, seen := range keys.seen {
		if len(seen.Get(collecting.WriterKey)) != 0 {
			t.Errorf("the key service saw %v", seen)
		}
	}
}

func TestOthersDeleteAsEver(t *testing.T) {
	configMaps, server, cleaned := newRegistry(t, storedConfigMap())
	_, deleted, err := configMaps.Delete(requestBy(t, "admin"), "one", rest.ValidateAllObjectFunc,
		deletion(metav1.DeletePropagationBackground))
	if err != nil || !deleted || cleaned.Load() != 1 {
		t.Errorf("deleted %v, %v; cleaned up %d times", deleted, err, cleaned.Load())
	}
	expectCalls(t, server, "Range - -", "Range - -", "Txn - -")
}

func TestADryRunOfTheCollectorWritesNothing(t *testing.T) {
	configMaps, server, _ := newRegistry(t, storedConfigMap())
	options := deletion(metav1.DeletePropagationBackground)
	options.DryRun = []string{metav1.DryRunAll}
	if _, _, err := configMaps.Delete(requestBy(t, collector), "one", rest.ValidateAllObjectFunc, options); err != nil {
		t.Fatal(err)
	}
	expectCalls(t, server, "Range - -", "Range - -")
}

func TestAPreconditionOfTheCollectorStillHolds(t *testing.T) {
	configMaps, _, _ := newRegistry(t, storedConfigMap())
	options := deletion(metav1.DeletePropagationBackground)
	*options.Preconditions.UID = "another"
	_, _, err := configMaps.Delete(requestBy(t, collector), "one", rest.ValidateAllObjectFunc, options)
	if !apierrors.IsConflict(err) {
		t.Errorf("answered %v", err)
	}
}
