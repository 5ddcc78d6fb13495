// Package model is a store of the etcd API in memory. It is fed with what the server acknowledged,
// and tells which state and which events follow from that. Tests compare the server's reads and
// watches with it.
package model

import (
	"fmt"
	"sort"
	"sync"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// Change is what one operation did to one key.
type Change struct {
	Key    string
	Value  string
	Lease  int64
	Delete bool
}

// Log holds the acknowledged changes by revision. It may be used from several goroutines.
type Log struct {
	mutex   sync.Mutex
	changes map[int64][]Change
}

// NewLog makes a log without changes: that of an empty store.
func NewLog() *Log { return &Log{changes: map[int64][]Change{}} }

// Add notes the changes of one acknowledged revision, in their order. Two requests with the same
// revision are an error of the server.
func (l *Log) Add(revision int64, changes ...Change) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if other, taken := l.changes[revision]; taken {
		return fmt.Errorf("revision %d was acknowledged twice: %v and %v", revision, other, changes)
	}
	l.changes[revision] = changes
	return nil
}

// Has tells whether a revision is known.
func (l *Log) Has(revision int64) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	_, known := l.changes[revision]
	return known
}

// Last is the highest acknowledged revision, 1 when there is none.
func (l *Log) Last() int64 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	last := int64(1)
	for revision := range l.changes {
		last = max(last, revision)
	}
	return last
}

// Replay computes all events from the empty store on, each with its previous value, and the final
// state. It fails when a revision is missing, because then a change happened that nobody was told
// of.
func (l *Log) Replay() ([]*mvccpb.Event, State, error) {
	last := l.Last()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	events, state := []*mvccpb.Event{}, State{}
	for revision := int64(2); revision <= last; revision++ {
		changes, known := l.changes[revision]
		if !known {
			return nil, nil, fmt.Errorf(
				"revision %d belongs to no acknowledged request (the last is %d)", revision, last)
		}
		for _, change := range changes {
			events = append(events, state.apply(revision, change))
		}
	}
	return events, state, nil
}

// State is the live keys.
type State map[string]*mvccpb.KeyValue

func (s State) apply(revision int64, change Change) *mvccpb.Event {
	previous := s[change.Key]
	if change.Delete {
		delete(s, change.Key)
		return &mvccpb.Event{
			Type: mvccpb.Event_DELETE, PrevKv: previous,
			Kv: &mvccpb.KeyValue{Key: []byte(change.Key), ModRevision: revision},
		}
	}
	kv := &mvccpb.KeyValue{
		Key: []byte(change.Key), Value: bytesOrNil(change.Value), Lease: change.Lease,
		CreateRevision: revision, ModRevision: revision, Version: 1,
	}
	if previous != nil {
		kv.CreateRevision, kv.Version = previous.CreateRevision, previous.Version+1
	}
	s[change.Key] = kv
	return &mvccpb.Event{Type: mvccpb.Event_PUT, Kv: kv, PrevKv: previous}
}

// Sorted is the live keys in the order of a range.
func (s State) Sorted() []*mvccpb.KeyValue {
	kvs := []*mvccpb.KeyValue{}
	for _, kv := range s {
		kvs = append(kvs, kv)
	}
	sort.Slice(kvs, func(i, j int) bool { return string(kvs[i].Key) < string(kvs[j].Key) })
	return kvs
}

func bytesOrNil(value string) []byte {
	if value == "" {
		return nil
	}
	return []byte(value)
}
