// Package graph makes random graphs of objects that own each other, with what is done to them. A
// graph depends on its seed alone, so that a seed tells everything that is needed to run it again.
package graph

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// SkipLabel asks for the storage to collect the garbage that an object becomes or leaves.
	SkipLabel = "skip-controller-manager-metadata-caching"
	// HoldFinalizer keeps an object until a step releases it.
	HoldFinalizer = "test.kubase/hold"
)

// Fault is what is wrong with an owner reference.
type Fault int

// The faults. A reference to an owner in another namespace, or from a cluster-scoped object to a
// namespaced owner, is wrong without any: that is a matter of the two objects.
const (
	Faultless      Fault = iota
	OtherVersion         // the owner by another served version: as good as faultless
	WrongUID             // the name of the owner, the UID of nobody
	WrongName            // the UID of the owner, a name that nobody has
	WrongKind            // the UID and name of the owner, another kind
	UnknownKind          // the UID and name of the owner, a kind of a group that does not exist
	UnknownVersion       // the UID and name of the owner, a version that is not served
)

// Tri is a boolean that can be absent.
type Tri int

// The values of blockOwnerDeletion.
const (
	Absent Tri = iota
	False
	True
)

// Pointer is the value as Kubernetes has it.
func (t Tri) Pointer() *bool {
	if t == Absent {
		return nil
	}
	value := t == True
	return &value
}

// Reference names an owner.
type Reference struct {
	Owner      int // the number of an object
	Fault      Fault
	Block      Tri
	Controller bool
}

// Object is one object. Its number is its place in the graph.
type Object struct {
	Kind       *Kind
	Space      int // which of the two namespaces; 0 for cluster-scoped objects
	Labelled   bool
	Held       bool // by HoldFinalizer
	References []Reference
}

// Action is what a step does to an object.
type Action string

// The actions. All but Create leave an object alone that is gone.
const (
	Create        Action = "create"
	SetReferences Action = "set references"
	Delete        Action = "delete"
	Release       Action = "release" // removes HoldFinalizer
	Label         Action = "label"
	Unlabel       Action = "unlabel"
	Touch         Action = "touch" // a change that concerns no collector
)

// Step is one action of the user.
type Step struct {
	Action     Action
	Object     int
	References []Reference                // of Create and SetReferences
	Policy     metav1.DeletionPropagation // of Delete; empty for none
}

func (s Step) String() string {
	text := fmt.Sprintf("%s o%d", s.Action, s.Object)
	if s.Policy != "" {
		text += fmt.Sprintf(" (%s)", s.Policy)
	}
	return text
}

// Graph is what one test runs: the steps of a phase are taken one after another, and the states
// are compared when nothing happens any more after it.
type Graph struct {
	Seed    int64
	Objects []Object
	Phases  [][]Step
}

// WithoutLabels never gives an object the label.
func (g *Graph) WithoutLabels() {
	for number := range g.Objects {
		g.Objects[number].Labelled = false
	}
	for number, phase := range g.Phases {
		g.Phases[number] = slices.DeleteFunc(phase, func(s Step) bool {
			return s.Action == Label || s.Action == Unlabel
		})
	}
}
