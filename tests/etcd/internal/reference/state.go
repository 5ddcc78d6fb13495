// Package reference is a deterministic store of the etcd API in memory: what a request answers and
// changes, given the state before it. States are immutable, so that a checker can try many orders
// of the same requests; the state of every earlier revision stays reachable.
package reference

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// NeverCompacted is the compacted revision of a store that was never compacted.
const NeverCompacted = -1

// State is the whole store at one moment. It is never changed.
type State struct {
	// Revision is the current revision; that of an empty store is 1.
	Revision int64
	// Compacted is the lowest revision that can be read.
	Compacted int64

	kvs    []*mvccpb.KeyValue // the live keys in their order
	leases []int64            // the live leases in ascending order
	before *State             // a state of the revision before this one
	digest uint64             // of all changes up to this revision
}

// Empty is a store that nobody has written to.
func Empty() *State { return &State{Revision: 1, Compacted: NeverCompacted} }

// Equal tells whether two states answer every request in the same way.
func (s *State) Equal(other *State) bool {
	return s.Revision == other.Revision && s.digest == other.digest &&
		s.Compacted == other.Compacted && slices.Equal(s.leases, other.leases)
}

// Hash is the same for states that are equal.
func (s *State) Hash() uint64 { return s.digest ^ uint64(s.Revision)<<32 ^ uint64(len(s.leases)) }

// At is a state of an earlier revision, or this one; nil when the revision is below 1.
func (s *State) At(revision int64) *State {
	for s != nil && s.Revision > revision {
		s = s.before
	}
	return s
}

// Uncompacted is the same state before any compaction.
func (s *State) Uncompacted() *State {
	if s.Compacted == NeverCompacted {
		return s
	}
	copied := *s
	copied.Compacted = NeverCompacted
	return &copied
}

// Keys are the live keys in their order. They must not be changed.
func (s *State) Keys() []*mvccpb.KeyValue { return s.kvs }

// Attached are the keys with a lease, in their order.
func (s *State) Attached(lease int64) []string {
	keys := []string{}
	for _, kv := range s.kvs {
		if kv.Lease == lease {
			keys = append(keys, string(kv.Key))
		}
	}
	return keys
}

func (s *State) hasLease(id int64) bool {
	_, found := slices.BinarySearch(s.leases, id)
	return found
}

func (s *State) withLeases(leases []int64) *State {
	copied := *s
	copied.leases = leases
	return &copied
}

// edit collects the changes of one request. It reads as the request sees the store: with the
// changes made so far.
type edit struct {
	base   *State
	kvs    []*mvccpb.KeyValue
	events []*mvccpb.Event
}

func newEdit(base *State) *edit { return &edit{base: base, kvs: base.kvs} }

// revision is that of the changes.
func (e *edit) revision() int64 { return e.base.Revision + 1 }

func (e *edit) find(key string) (int, bool) {
	return slices.BinarySearchFunc(e.kvs, key, func(kv *mvccpb.KeyValue, key string) int {
		return strings.Compare(string(kv.Key), key)
	})
}

// get is the live key, or nil.
func (e *edit) get(key string) *mvccpb.KeyValue {
	if i, found := e.find(key); found {
		return e.kvs[i]
	}
	return nil
}

// own makes the keys a copy of this edit before its first change.
func (e *edit) own() {
	if len(e.events) == 0 {
		e.kvs = slices.Clone(e.kvs)
	}
}

func (e *edit) put(key, value []byte, lease int64) (previous *mvccpb.KeyValue) {
	e.own()
	kv := &mvccpb.KeyValue{
		Key: key, Value: value, Lease: lease,
		CreateRevision: e.revision(), ModRevision: e.revision(), Version: 1,
	}
	i, found := e.find(string(key))
	if found {
		previous = e.kvs[i]
		kv.CreateRevision, kv.Version = previous.CreateRevision, previous.Version+1
		e.kvs[i] = kv
	} else {
		e.kvs = slices.Insert(e.kvs, i, kv)
	}
	e.events = append(e.events, &mvccpb.Event{Type: mvccpb.Event_PUT, Kv: kv, PrevKv: previous})
	return previous
}

func (e *edit) delete(key string) {
	e.own()
	i, _ := e.find(key)
	previous := e.kvs[i]
	e.kvs = slices.Delete(e.kvs, i, i+1)
	e.events = append(e.events, &mvccpb.Event{
		Type: mvccpb.Event_DELETE, PrevKv: previous,
		Kv: &mvccpb.KeyValue{Key: previous.Key, ModRevision: e.revision()},
	})
}

// finish is the state with the changes; it is the old one when there are none.
func (e *edit) finish() *State {
	if len(e.events) == 0 {
		return e.base
	}
	digest := fnv.New64a()
	number := func(n uint64) { digest.Write(binary.LittleEndian.AppendUint64(nil, n)) }
	number(e.base.digest)
	for _, event := range e.events {
		number(uint64(event.Type))
		number(uint64(len(event.Kv.Key)))
		digest.Write(event.Kv.Key)
		number(uint64(len(event.Kv.Value)))
		digest.Write(event.Kv.Value)
		number(uint64(event.Kv.Lease))
	}
	return &State{
		Revision: e.revision(), Compacted: e.base.Compacted, kvs: e.kvs, leases: e.base.leases,
		before: e.base, digest: digest.Sum64(),
	}
}
