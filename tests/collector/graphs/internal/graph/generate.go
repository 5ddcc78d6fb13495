package graph

import (
	"math/rand/v2"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	leastObjects   = 2
	mostObjects    = 14
	mostReferences = 3
	mostRoots      = 3
)

// maker draws one graph.
type maker struct {
	*rand.Rand
	graph *Graph
	// faults and cycles are the chances of one in this graph: most graphs have none of one sort.
	faults, cycles float64
	// late is the number of the first object that is created when others are deleted already.
	late int
}

// Draw makes the next graph of a source of random numbers. Its end may depend on the order in which
// upstream's workers come to its objects; package model tells.
func Draw(seed int64, random *rand.Rand) *Graph {
	m := &maker{Rand: random, graph: &Graph{Seed: seed}}
	if m.chance(0.4) {
		m.faults = 0.25
	}
	if m.chance(0.3) {
		m.cycles = 0.2
	}
	m.objects()
	m.late = len(m.graph.Objects)
	if m.chance(0.3) {
		m.late -= m.IntN(m.late)
	}
	for number := range m.graph.Objects {
		m.references(number)
	}
	m.phases()
	return m.graph
}

func (m *maker) chance(p float64) bool { return m.Float64() < p }

func (m *maker) objects() {
	labelled := []float64{0, 0.5, 1}[m.IntN(3)]
	held := []float64{0, 0.15, 0.3}[m.IntN(3)]
	spaces := 1
	if m.chance(0.3) {
		spaces = 2
	}
	for range leastObjects + m.IntN(mostObjects-leastObjects+1) {
		object := Object{Kind: m.kind(), Labelled: m.chance(labelled), Held: m.chance(held)}
		if object.Kind.Namespaced && m.chance(0.3) {
			object.Space = m.IntN(spaces)
		}
		m.graph.Objects = append(m.graph.Objects, object)
	}
}

func (m *maker) kind() *Kind {
	sum := 0
	for _, kind := range Kinds {
		sum += kind.weight
	}
	rest := m.IntN(sum)
	for _, kind := range Kinds {
		if rest -= kind.weight; rest < 0 {
			return kind
		}
	}
	panic("the weights changed")
}

// references gives an object owners, each at most once: a server merges references by their UID, so
// that two with the same one are an object that no two writers would agree on.
func (m *maker) references(number int) {
	object := &m.graph.Objects[number]
	controlled := false
	for range m.IntN(mostReferences + 1) {
		owner, ok := m.owner(number)
		if !ok || slices.ContainsFunc(object.References,
			func(r Reference) bool { return r.Owner == owner }) {
			continue
		}
		reference := Reference{Owner: owner, Fault: m.fault(owner), Block: Tri(m.IntN(3))}
		if !controlled && m.chance(0.3) {
			reference.Controller, controlled = true, true
		}
		object.References = append(object.References, reference)
	}
}

// owner is an object with a lower number, or any with the chance of a cycle, but for late objects.
// What is wrong by the scopes of the two is a fault as well.
func (m *maker) owner(number int) (int, bool) {
	others := number
	if m.chance(m.cycles) && number < m.late {
		others = m.late
	}
	if others == 0 {
		return 0, false
	}
	owner := m.IntN(others)
	target := m.graph.Resolve(number, Reference{Owner: owner})
	return owner, target.Found >= 0 || m.chance(m.faults)
}

func (m *maker) fault(owner int) Fault {
	kind := m.graph.Objects[owner].Kind
	if kind.Custom() && m.chance(0.25) {
		return OtherVersion
	}
	if !m.chance(m.faults) {
		return Faultless
	}
	return WrongUID + Fault(m.IntN(int(UnknownVersion-WrongUID)+1))
}

func (m *maker) phases() {
	m.graph.Phases = [][]Step{m.creation(), m.deletion()}
	if m.chance(0.3) {
		m.graph.Phases = append(m.graph.Phases, m.deletion())
	}
	last := len(m.graph.Phases) - 1
	steps := m.graph.Phases[last]
	m.graph.Phases[last] = slices.Insert(steps, m.IntN(len(steps)+1), m.lateCreation()...)
	m.graph.Phases = append(m.graph.Phases, m.release())
}

// lateCreation makes objects whose owners may be gone.
func (m *maker) lateCreation() []Step {
	var steps []Step
	for number := m.late; number < len(m.graph.Objects); number++ {
		steps = append(steps, Step{Action: Create, Object: number,
			References: m.graph.Objects[number].References})
	}
	return steps
}

// creation makes the objects in the order of their numbers, since only what exists has a UID. The
// references to later ones come by a second write; where there are any, the faulty ones come by a
// third, so that nothing is collected before it has its place in the graph.
func (m *maker) creation() []Step {
	var creation, cycles, rest []Step
	cyclic := m.hasLaterOwners()
	for number, object := range m.graph.Objects[:m.late] {
		var early, sound []Reference
		for _, r := range object.References {
			harmless := !cyclic || m.graph.Resolve(number, r).Found >= 0
			if harmless && r.Owner < number {
				early = append(early, r)
			}
			if harmless {
				sound = append(sound, r)
			}
		}
		creation = append(creation, Step{Action: Create, Object: number, References: early})
		if len(sound) > len(early) {
			cycles = append(cycles, Step{Action: SetReferences, Object: number, References: sound})
		}
		if len(object.References) > len(sound) {
			rest = append(rest,
				Step{Action: SetReferences, Object: number, References: object.References})
		}
	}
	return slices.Concat(creation, cycles, rest)
}

func (m *maker) hasLaterOwners() bool {
	for number, object := range m.graph.Objects {
		for _, r := range object.References {
			if r.Owner >= number {
				return true
			}
		}
	}
	return false
}

// deletion deletes some objects, owners rather than others, and does this and that beside it. No
// references are written to objects that exist: upstream looks at those of an object whose owner
// already waits for its dependents only when something else happens to the owner.
func (m *maker) deletion() []Step {
	steps := m.relabelling()
	policies := []metav1.DeletionPropagation{"", metav1.DeletePropagationBackground,
		metav1.DeletePropagationForeground, metav1.DeletePropagationForeground,
		metav1.DeletePropagationOrphan}
	for range 1 + m.IntN(mostRoots) {
		step := Step{Action: Delete, Object: m.IntN(len(m.graph.Objects)),
			Policy: policies[m.IntN(len(policies))]}
		if owners := m.owners(); len(owners) > 0 && m.chance(0.8) {
			step.Object = owners[m.IntN(len(owners))]
		}
		steps = append(steps, step)
		if m.chance(0.3) {
			steps = append(steps, Step{Action: Touch, Object: m.IntN(len(m.graph.Objects))})
		}
	}
	return steps
}

func (m *maker) owners() []int {
	var owners []int
	for _, object := range m.graph.Objects {
		for _, r := range object.References {
			owners = append(owners, r.Owner)
		}
	}
	return owners
}

func (m *maker) relabelling() []Step {
	var steps []Step
	if m.chance(0.8) {
		return steps
	}
	for number, object := range m.graph.Objects {
		switch {
		case !m.chance(0.3):
		case object.Labelled:
			steps = append(steps, Step{Action: Unlabel, Object: number})
		default:
			steps = append(steps, Step{Action: Label, Object: number})
		}
	}
	return steps
}

func (m *maker) release() []Step {
	steps := m.relabelling()
	for number, object := range m.graph.Objects {
		if object.Held && m.chance(0.7) {
			steps = append(steps, Step{Action: Release, Object: number})
		}
	}
	m.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	return steps
}
