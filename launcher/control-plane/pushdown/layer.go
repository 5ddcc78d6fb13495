// Package pushdown hands the selectors of list and watch requests to the storage, so that a storage
// that understands them answers with the matching objects instead of all. It wraps
// storage.Interface from outside; kube-apiserver's own code stays as it is.
//
// The invariant is that the storage may return more than what matches, never less: kube-apiserver
// filters again. A storage that ignores the selectors is right, only slower. A selector is
// therefore sent only where it says the same about the stored bytes as about the object that
// kube-apiserver decodes from them (see customresource.go for where it does not).
package pushdown

import (
	"context"

	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"

	"kubase/control-plane/collecting"
)

// Layer wraps the storages of one API server. It is used by all that make storages for that server,
// because the storages of custom resources ask the storage of their definitions. Safe for
// concurrent use.
type Layer struct {
	definitions definitions
}

// NewLayer returns a layer for one API server.
func NewLayer() *Layer { return &Layer{} }

// Wrap returns a getter whose storages push selectors down, and let the storage collect garbage
// (package collecting).
func (l *Layer) Wrap(getter generic.RESTOptionsGetter) generic.RESTOptionsGetter {
	return optionsGetter{RESTOptionsGetter: getter, layer: l}
}

type optionsGetter struct {
	generic.RESTOptionsGetter
	layer *Layer
}

func (g optionsGetter) GetRESTOptions(
	resource schema.GroupResource, example runtime.Object,
) (generic.RESTOptions, error) {
	options, err := g.RESTOptionsGetter.GetRESTOptions(resource, example)
	if err == nil {
		options.Decorator = g.layer.decorate(options.Decorator)
	}
	return options, err
}

// decorate returns a decorator that wraps the storages that inner makes.
func (l *Layer) decorate(inner generic.StorageDecorator) generic.StorageDecorator {
	return func(
		config *storagebackend.ConfigForResource,
		resourcePrefix string,
		keyFunc func(obj runtime.Object) (string, error),
		newFunc func() runtime.Object,
		newListFunc func() runtime.Object,
		getAttrsFunc storage.AttrFunc,
		trigger storage.IndexerFuncs,
		indexers *cache.Indexers,
	) (storage.Interface, factory.DestroyFunc, error) {
		wrapped, destroy, err := inner(isolateTransformer(config), resourcePrefix, keyFunc,
			newFunc, newListFunc, getAttrsFunc, trigger, indexers)
		if err != nil {
			return wrapped, destroy, err
		}
		l.definitions.observe(config.GroupResource, resourcePrefix, wrapped)
		pushing := &store{
			Interface: collecting.Wrap(wrapped, newFunc), root: resourcePrefix,
			permits: l.permitsFor(config.GroupResource, newFunc),
		}
		return pushing, destroy, nil
	}
}

// permitsFor returns what decides which selectors may be sent for a resource. Built-in types are
// decoded by conversions that keep labels and the fields that can be selected.
func (l *Layer) permitsFor(resource schema.GroupResource, newFunc func() runtime.Object) permits {
	if _, ok := newFunc().(runtime.Unstructured); ok {
		return &customResource{resource: resource, definitions: &l.definitions}
	}
	return builtIn{}
}

// permits decides which selectors of a predicate the storage may evaluate.
type permits interface {
	// selectors returns the permitted part of the predicate's selectors in their printed form, ""
	// for nothing.
	selectors(
		ctx context.Context, predicate storage.SelectionPredicate,
	) (labelSelector, fieldSelector string)
}

type builtIn struct{}

func (builtIn) selectors(_ context.Context, predicate storage.SelectionPredicate) (string, string) {
	return printed(predicate.Label), printed(predicate.Field)
}

// store is a storage whose reads by predicate carry the selectors. GetList and Watch are the only
// methods of storage.Interface that take a predicate; a watch-list is a Watch, and streamed and
// paged lists are GetList. Reads that those two make on the way with the same context (the current
// revision from the key of the collection itself, which holds no object) are not changed by a
// selector.
type store struct {
	storage.Interface
	root    string // of the resource's keys
	permits permits
}

func (s *store) GetList(
	ctx context.Context, key string, opts storage.ListOptions, list runtime.Object,
) error {
	key = continuedKey(key, s.root, opts.Predicate)
	return s.Interface.GetList(s.push(ctx, opts.Predicate), key, opts, list)
}

// continuedKey is where a list goes on. A list over all namespaces that selects one by its name
// begins at the objects of that namespace (ListPredicate of k8s.io/apiserver
// pkg/registry/generic/registry), and its continue token counts from there. kube-apiserver 1.37
// reads the following pages from the root of the resource, where the token means another object, so
// that some come twice or never.
func continuedKey(key, root string, predicate storage.SelectionPredicate) string {
	if key != root || predicate.Continue == "" || predicate.Field == nil {
		return key
	}
	namespace, one := predicate.Field.RequiresExactMatch("metadata.namespace")
	if !one || len(validation.ValidateNamespaceName(namespace, false)) > 0 {
		return key
	}
	return root + "/" + namespace
}

func (s *store) Watch(
	ctx context.Context, key string, opts storage.ListOptions,
) (watch.Interface, error) {
	return s.Interface.Watch(s.push(ctx, opts.Predicate), key, opts)
}

func (s *store) push(ctx context.Context, predicate storage.SelectionPredicate) context.Context {
	if isEmpty(predicate.Label) && isEmpty(predicate.Field) {
		return ctx
	}
	labelSelector, fieldSelector := s.permits.selectors(ctx, predicate)
	return withSelectors(ctx, labelSelector, fieldSelector)
}

// selector is what labels.Selector and fields.Selector have in common here.
type selector interface {
	Empty() bool
	String() string
}

func isEmpty(s selector) bool { return s == nil || s.Empty() }

func printed(s selector) string {
	if isEmpty(s) {
		return ""
	}
	return s.String()
}
