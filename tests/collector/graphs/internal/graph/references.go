package graph

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Target tells what a reference stands for; it is what the garbage collector makes of it.
type Target struct {
	// Owner is the object that has the reference's UID, or -1.
	Owner int
	// Found is the object that is found by kind, namespace and name, if it has the UID; else -1:
	// then the reference is to nothing.
	Found int
	// Unreadable references cannot be looked up, and keep their object from being collected: of
	// unknown kinds and versions, and of cluster-scoped objects to namespaced owners.
	Unreadable bool
}

// Resolve tells what a reference of an object stands for.
func (g *Graph) Resolve(object int, r Reference) Target {
	dependent, owner := g.Objects[object], g.Objects[r.Owner]
	kind := owner.Kind
	if r.Fault == WrongKind {
		kind = mistaken(kind)
	}
	unreadable := r.Fault == UnknownKind || r.Fault == UnknownVersion ||
		kind.Namespaced && !dependent.Kind.Namespaced
	target := Target{Owner: r.Owner, Found: -1, Unreadable: unreadable}
	switch {
	case r.Fault == WrongUID:
		target.Owner = -1
	case r.Fault != Faultless && r.Fault != OtherVersion:
	case !owner.Kind.Namespaced || owner.Space == dependent.Space:
		target.Found = r.Owner
	}
	return target
}

// mistaken is another kind, of the same scope where there is one.
func mistaken(kind *Kind) *Kind {
	for _, other := range Kinds {
		if other != kind && other.Namespaced == kind.Namespaced {
			return other
		}
	}
	return Kinds[0]
}

// OwnerReference is a reference as Kubernetes has it; the function tells the UIDs of the objects.
func (g *Graph) OwnerReference(r Reference, tag string, uid func(object int) types.UID,
) metav1.OwnerReference {
	kind := g.Objects[r.Owner].Kind
	reference := metav1.OwnerReference{
		APIVersion:         kind.GroupVersion().String(),
		Kind:               kind.Kind,
		Name:               Name(tag, r.Owner),
		BlockOwnerDeletion: r.Block.Pointer(),
	}
	if r.Controller {
		reference.Controller = &r.Controller
	}
	switch r.Fault {
	case OtherVersion:
		reference.APIVersion = Group + "/" + OtherServed
	case WrongName:
		reference.Name += "-mistaken"
	case WrongKind:
		other := mistaken(kind)
		reference.APIVersion, reference.Kind = other.GroupVersion().String(), other.Kind
	case UnknownKind:
		reference.APIVersion, reference.Kind = unknownGroup+"/v1", "Nothing"
	case UnknownVersion:
		reference.APIVersion = schema.GroupVersion{Group: kind.Group, Version: "v9"}.String()
	}
	reference.UID = nobody(r.Owner)
	if r.Fault != WrongUID {
		reference.UID = uid(r.Owner)
	}
	return reference
}

// Name is the name of an object in the cluster; the tag is different for each run of a graph.
func Name(tag string, object int) string { return fmt.Sprintf("%s-o%d", tag, object) }

// nobody is the UID of nobody, a different one for each object that is meant.
func nobody(object int) types.UID {
	return types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", object))
}
