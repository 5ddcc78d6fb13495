// Package collecting lets the storage collect garbage in place of kube-controller-manager's garbage
// collector, for the objects that the collector sees only a part of: those with the label of package
// informerfilter, their owners and their dependents. The collector would take the last finalizer off
// an owner whose dependents it does not see, or delete the dependents of an object that it only
// believes gone. The storage refuses such a write and does what is right itself.
//
// To the collector a refused write looks like one that was done: it forgets the object instead of
// trying again for ever. Nobody else's writes are touched.
package collecting

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/storage"
)

const (
	// WriterKey is the key in the metadata of gRPC calls that tells the storage who writes.
	WriterKey = "x-kubase-writer"

	writer = "garbage-collector"

	// refusal is the message with which the storage refuses a write, with code FailedPrecondition.
	// The etcd client passes it on as it came, because it is none of etcd's own messages and the
	// code is none that it tries again.
	refusal = "kubase: the storage collects this object"

	// collector is the user of kube-controller-manager's garbage collector, which has credentials
	// of its own with --use-service-account-credentials. Without them it is not told from the other
	// controllers, and the storage refuses nothing.
	collector = "system:serviceaccount:kube-system:generic-garbage-collector"
)

// Wrap returns a storage that tells next of the collector's writes and hides refusals from the
// collector. newObject makes an empty object of the resource.
func Wrap(next storage.Interface, newObject func() runtime.Object) storage.Interface {
	return &store{Interface: next, newObject: newObject}
}

// store wraps the two methods with which the collector's requests write; it creates nothing. Dry
// runs are made of Get above the storage and never come here.
type store struct {
	storage.Interface
	newObject func() runtime.Object
}

// Delete gives back no more of a refused object than who it is. The registry believes that the
// object is gone and cleans up after what it gets: for a service it would free the IP addresses and
// ports that the living service uses.
func (s *store) Delete(
	ctx context.Context, key string, out runtime.Object, preconditions *storage.Preconditions,
	validate storage.ValidateObjectFunc, cached runtime.Object, opts storage.DeleteOptions,
) error {
	if !isCollector(ctx) {
		return s.Interface.Delete(ctx, key, out, preconditions, validate, cached, opts)
	}
	err := s.Interface.Delete(withWriter(ctx), key, out, preconditions, validate, cached, opts)
	if !isRefusal(err) {
		return err
	}
	current := s.newObject()
	if err := s.Interface.Get(ctx, key, storage.GetOptions{}, current); err != nil {
		return err
	}
	return copyIdentity(out, current)
}

// GuaranteedUpdate gives back the object as it is. A refused update leaves destination as it came,
// so that Get decodes into an empty object as ever.
func (s *store) GuaranteedUpdate(
	ctx context.Context, key string, destination runtime.Object, ignoreNotFound bool,
	preconditions *storage.Preconditions, update storage.UpdateFunc, cached runtime.Object,
) error {
	if !isCollector(ctx) {
		return s.Interface.GuaranteedUpdate(ctx, key, destination, ignoreNotFound, preconditions,
			update, cached)
	}
	err := s.Interface.GuaranteedUpdate(withWriter(ctx), key, destination, ignoreNotFound,
		preconditions, update, cached)
	if !isRefusal(err) {
		return err
	}
	return s.Interface.Get(ctx, key, storage.GetOptions{}, destination)
}

func isCollector(ctx context.Context) bool {
	user, known := genericapirequest.UserFrom(ctx)
	return known && user.GetName() == collector
}

func isRefusal(err error) bool {
	answer, ok := status.FromError(err)
	return ok && answer.Code() == codes.FailedPrecondition && answer.Message() == refusal
}

// withWriter returns ctx with the writer in the outgoing metadata, once, also below another layer.
func withWriter(ctx context.Context) context.Context {
	outgoing, sent := metadata.FromOutgoingContext(ctx)
	if !sent {
		outgoing = metadata.MD{}
	}
	outgoing.Set(WriterKey, writer)
	return metadata.NewOutgoingContext(ctx, outgoing)
}

// WithoutWriter returns ctx without the writer, for what must not see it.
func WithoutWriter(ctx context.Context) context.Context {
	outgoing, _ := metadata.FromOutgoingContext(ctx)
	if len(outgoing.Get(WriterKey)) == 0 {
		return ctx
	}
	outgoing.Delete(WriterKey)
	return metadata.NewOutgoingContext(ctx, outgoing)
}

func copyIdentity(to, from runtime.Object) error {
	source, err := meta.Accessor(from)
	if err != nil {
		return err
	}
	target, err := meta.Accessor(to)
	if err != nil {
		return err
	}
	target.SetName(source.GetName())
	target.SetNamespace(source.GetNamespace())
	target.SetUID(source.GetUID())
	target.SetResourceVersion(source.GetResourceVersion())
	return nil
}
