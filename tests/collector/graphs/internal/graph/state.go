package graph

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// ObjectState is what is compared of an object.
type ObjectState struct {
	Deleting   bool
	Grace      int64 // -1 for none
	Finalizers []string
	References []metav1.OwnerReference // their UIDs are those of UIDOf, their names without tag
	Labels     []string
	Generation int64
}

// State has the objects that exist by their numbers.
type State map[int]*ObjectState

const uidPrefix = "uid-of-o"

// UIDOf stands for the UID of an object where clusters are compared.
func UIDOf(object int) types.UID { return types.UID(fmt.Sprint(uidPrefix, object)) }

// Text has a line for each of so many objects. Labels and generations are left out for comparisons
// with the model, which has none.
//
// Of an object that is being deleted, references to owners that do not exist are left out: the
// collector removes a dead reference from an object that another owner keeps and then finds that
// the other one has died too, or it sees both deaths at once and deletes the object as it is.
// Either order is right, and no reference to an owner that is gone has an effect any more.
func (s State) Text(objects int, all bool) string {
	var lines []string
	for number := range objects {
		line := fmt.Sprintf("o%d: gone", number)
		if object := s[number]; object != nil {
			line = fmt.Sprintf("o%d: %s", number, s.describe(object, all))
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func (s State) describe(object *ObjectState, all bool) string {
	parts := []string{"exists"}
	if object.Deleting {
		parts[0] = fmt.Sprintf("is being deleted (grace %d)", object.Grace)
	}
	if all {
		parts = append(parts, fmt.Sprint("generation ", object.Generation))
	}
	if all && len(object.Labels) > 0 {
		parts = append(parts, "labels "+sorted(object.Labels))
	}
	if len(object.Finalizers) > 0 {
		parts = append(parts, "finalizers "+sorted(object.Finalizers))
	}
	var references []string
	for _, reference := range object.References {
		if !object.Deleting || s.exists(reference.UID) {
			references = append(references, describeReference(reference))
		}
	}
	if len(references) > 0 {
		parts = append(parts, "owned by "+sorted(references))
	}
	return strings.Join(parts, "; ")
}

func (s State) exists(uid types.UID) bool {
	for number := range s {
		if UIDOf(number) == uid {
			return true
		}
	}
	return false
}

func describeReference(r metav1.OwnerReference) string {
	text := fmt.Sprintf("%s/%s/%s (%s", r.APIVersion, r.Kind, r.Name, r.UID)
	if r.BlockOwnerDeletion != nil {
		text += fmt.Sprintf(", block %t", *r.BlockOwnerDeletion)
	}
	if r.Controller != nil {
		text += fmt.Sprintf(", controller %t", *r.Controller)
	}
	return text + ")"
}

func sorted(texts []string) string {
	return strings.Join(slices.Sorted(slices.Values(texts)), ", ")
}
