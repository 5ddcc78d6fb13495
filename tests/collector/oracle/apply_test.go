package oracle

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

type deletion struct {
	Time         int64 `json:"time"`
	GraceSeconds int64 `json:"graceSeconds"`
}

// edit is a change as edit_lines understands it.
type edit struct {
	RemovedOwners []types.UID `json:"removedOwners,omitempty"`
	Unblock       string      `json:"unblock,omitempty"`
	Finalizers    *[]string   `json:"finalizers,omitempty"`
	Deletion      *deletion   `json:"deletion,omitempty"`
	Generation    *int64      `json:"generation,omitempty"`
	Terminates    bool        `json:"terminates,omitempty"`
}

func (g generator) edit(mayTerminate bool) edit {
	e := edit{Terminates: mayTerminate && g.flag()}
	if g.sometimes(10) {
		return e
	}
	e.RemovedOwners = many(g, 2, func() types.UID { return of(g, uids) })
	e.Unblock = of(g, []string{"", "", "blocking", "all"})
	e.Finalizers = some(g, func() []string {
		return append([]string{}, many(g, 3, func() string { return of(g, append(finalizers, g.text())) })...)
	})
	e.Deletion = some(g, func() deletion { return deletion{g.time().Unix(), g.number()} })
	e.Generation = some(g, g.number)
	return e
}

func (e edit) changesOwners() bool { return len(e.RemovedOwners) > 0 || e.Unblock != "" }

func (e edit) removes(uid string) bool {
	for _, removed := range e.RemovedOwners {
		if string(removed) == uid {
			return true
		}
	}
	return false
}

func (e edit) unblocks(blocks bool) bool {
	return e.Unblock == "all" || e.Unblock == "blocking" && blocks
}

// changed says which members of the metadata may come, go or change.
func (e edit) changed() map[string]bool {
	return map[string]bool{"ownerReferences": e.changesOwners(), "finalizers": e.Finalizers != nil,
		"deletionTimestamp": e.Deletion != nil, "deletionGracePeriodSeconds": e.Deletion != nil,
		"generation": e.Generation != nil}
}

// apply changes the object as a client of Kubernetes would.
func (e edit) apply(object runtime.Object) {
	switch o := object.(type) {
	case *unstructured.Unstructured:
		e.applyToCustom(o)
	case metav1.Object:
		e.applyOwners(o)
		e.applyOthers(o)
		if namespace, ok := object.(*corev1.Namespace); ok && e.Terminates {
			namespace.Status.Phase = corev1.NamespaceTerminating
		}
	}
}

func (e edit) applyOwners(object metav1.Object) {
	if !e.changesOwners() {
		return
	}
	var kept []metav1.OwnerReference
	for _, owner := range object.GetOwnerReferences() {
		if e.removes(string(owner.UID)) {
			continue
		}
		if e.unblocks(owner.BlockOwnerDeletion != nil && *owner.BlockOwnerDeletion) {
			owner.BlockOwnerDeletion = new(bool)
		}
		kept = append(kept, owner)
	}
	object.SetOwnerReferences(kept)
}

func (e edit) applyOthers(object metav1.Object) {
	if e.Finalizers != nil {
		object.SetFinalizers(append([]string(nil), *e.Finalizers...))
	}
	if e.Deletion != nil {
		object.SetDeletionTimestamp(&metav1.Time{Time: time.Unix(e.Deletion.Time, 0)})
		object.SetDeletionGracePeriodSeconds(&e.Deletion.GraceSeconds)
	}
	if e.Generation != nil {
		object.SetGeneration(*e.Generation)
	}
}

// withObject calls `change` with the object of that name, which may be null or absent, and stays so
// if nothing comes into it.
func withObject(parent map[string]any, name string, change func()) {
	old, present := parent[name]
	if old == nil {
		delete(parent, name)
	}
	change()
	if _, changed := parent[name]; present && !changed {
		parent[name] = old
	}
}

func (e edit) applyToCustom(object *unstructured.Unstructured) {
	withObject(object.Object, "metadata", func() {
		e.applyCustomOwners(object)
		e.applyOthers(object)
	})
	if e.Terminates {
		withObject(object.Object, "status", func() {
			_ = unstructured.SetNestedField(object.Object, "Terminating", "status", "phase")
		})
	}
}

// applyCustomOwners keeps what SetOwnerReferences would drop: members that it does not know.
func (e edit) applyCustomOwners(object *unstructured.Unstructured) {
	metadata, ok := object.Object["metadata"].(map[string]any)
	if !ok || !e.changesOwners() {
		return
	}
	owners, _ := metadata["ownerReferences"].([]any)
	var kept []any
	for _, element := range owners {
		owner, _ := element.(map[string]any)
		uid, _ := owner["uid"].(string)
		if e.removes(uid) {
			continue
		}
		blocks, _ := owner["blockOwnerDeletion"].(bool)
		if owner != nil && e.unblocks(blocks) {
			owner["blockOwnerDeletion"] = false
		}
		kept = append(kept, element)
	}
	if kept == nil {
		delete(metadata, "ownerReferences")
	} else {
		metadata["ownerReferences"] = kept
	}
}
