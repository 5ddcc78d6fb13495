package model

import (
	"math/rand/v2"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubase/tests/collector/graphs/internal/graph"
)

const (
	background = metav1.DeletePropagationBackground
	foreground = metav1.DeletePropagationForeground
	orphan     = metav1.DeletePropagationOrphan
)

func box(references ...graph.Reference) graph.Object {
	return graph.Object{Kind: graph.Kinds[4], References: references}
}

func held(object graph.Object) graph.Object {
	object.Held = true
	return object
}

func blocks(owner int) graph.Reference { return graph.Reference{Owner: owner, Block: graph.True} }

func owned(owner int) graph.Reference { return graph.Reference{Owner: owner} }

// deletion is a graph whose objects are created and some then deleted.
func deletion(policy metav1.DeletionPropagation, roots []int, objects ...graph.Object) *graph.Graph {
	g := &graph.Graph{Objects: objects, Phases: make([][]graph.Step, 2)}
	for number, object := range objects {
		g.Phases[0] = append(g.Phases[0], graph.Step{Action: graph.Create, Object: number,
			References: object.References})
	}
	for _, root := range roots {
		g.Phases[1] = append(g.Phases[1],
			graph.Step{Action: graph.Delete, Object: root, Policy: policy})
	}
	return g
}

func TestEnds(t *testing.T) {
	first := []int{0}
	faulty := graph.Reference{Owner: 0, Fault: graph.WrongName}
	unknown := graph.Reference{Owner: 0, Fault: graph.UnknownKind}
	for _, test := range []struct {
		what string
		*graph.Graph
		end string // empty for several
	}{
		{"a chain goes", deletion(background, first, box(), box(owned(0)), box(owned(1))),
			"o0: gone\no1: gone\no2: gone"},
		{"orphans stay", deletion(orphan, first, box(), box(owned(0))), "o0: gone\no1: exists"},
		{"a blocked owner waits", deletion(foreground, first, box(), held(box(blocks(0)))),
			"o0: is being deleted (grace 0); finalizers foregroundDeletion\n" +
				"o1: is being deleted (grace 0); finalizers test.kubase/hold; " +
				"owned by graphs.test.kubase/v1/Box/-o0 (uid-of-o0, block true)"},
		{"who does not block is not waited for", deletion(foreground, first, box(),
			held(box(owned(0)))),
			"o0: gone\no1: is being deleted (grace 0); finalizers test.kubase/hold"},
		{"another owner keeps", deletion(background, first, box(), box(),
			box(owned(0), owned(1))),
			"o0: gone\no1: exists\no2: exists; " +
				"owned by graphs.test.kubase/v1/Box/-o1 (uid-of-o1)"},
		{"a mistaken name is nobody's", deletion(background, nil, box(), box(faulty)),
			"o0: exists\no1: gone"},
		{"an unknown kind keeps", deletion(background, first, box(), box(unknown)),
			"o0: gone\no1: exists; owned by unknown.test.kubase/v1/Nothing/-o0 (uid-of-o0)"},
		{"what can be read late", deletion(orphan, first, box(), box(),
			box(unknown, graph.Reference{Owner: 1, Fault: graph.WrongUID})), ""},
		// The second owner may still be there when the first is seen to wait, and then keeps its
		// dependent from blocking it.
		{"two owners that wait", deletion(foreground, first, box(), box(owned(0)),
			held(box(blocks(0), owned(1)))), ""},
	} {
		ends := Ends(test.Graph, rand.New(rand.NewPCG(1, 1)))
		switch {
		case test.end == "":
			if ends != nil {
				t.Errorf("%s: one end only:\n%s", test.what, ends[1].Text(len(test.Objects), false))
			}
		case ends == nil:
			t.Errorf("%s: several ends", test.what)
		default:
			if got := ends[1].Text(len(test.Objects), false); got != test.end {
				t.Errorf("%s: got\n%s\nexpected\n%s", test.what, got, test.end)
			}
		}
	}
}

func TestASeedMakesOneGraph(t *testing.T) {
	first, _, drawn := Draw(7)
	second, _, again := Draw(7)
	if drawn != again || len(first.Objects) != len(second.Objects) ||
		len(first.Phases) != len(second.Phases) {
		t.Errorf("%+v and %+v", first, second)
	}
}
