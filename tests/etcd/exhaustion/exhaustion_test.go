// Package exhaustion takes from the database server what it needs: room on its disk
// (tests/databases, --disk), and room for connections. Nothing that was acknowledged may be lost,
// nothing done twice, no watch may end, and all goes on by itself when there is room again.
package exhaustion

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/database"
	"kubase/tests/etcd/internal/outage"
	"kubase/tests/etcd/internal/server"
)

const (
	// recovery is how long kubase may take when there is room again.
	recovery = 3 * time.Second
	// failure is how long it may take until a write fails.
	failure = 60 * time.Second
)

func TestFullDisk(t *testing.T) {
	s := server.Start(t)
	c := s.Client(t)
	stream := outage.OpenWatch(t, c, 1)
	w := writer{t: t, client: c, size: 100_000}
	w.write(50)
	database.Do(t, "fill")
	refusal := w.writeUntilRefused()
	t.Logf("after %d writes: %v", len(w.acknowledged), refusal)
	database.Do(t, "drain")
	outage.PutWhenPossible(t, c, "/k/after", recovery)
	w.write(50)
	w.check(stream)
}

func TestTooManyConnections(t *testing.T) {
	s := server.StartWith(t, server.Kubase(t),
		server.Options{DatabaseParameters: "pool_max_conn_lifetime=1s"})
	c := s.Client(t)
	stream := outage.OpenWatch(t, c, 1)
	w := writer{t: t, client: c, size: 1000}
	w.write(50)
	database.Do(t, "refuse")
	refusal := w.writeUntilRefused()
	t.Logf("after %d writes: %v", len(w.acknowledged), refusal)
	database.Do(t, "admit")
	outage.PutWhenPossible(t, c, "/k/after", recovery)
	w.write(50)
	w.check(stream)
}

// writer creates keys of their own, one after the other.
type writer struct {
	t            *testing.T
	client       *server.Client
	size         int // of a value, in bytes
	next         int
	acknowledged []string
	refused      []string
}

// write creates some keys, all of which have to be acknowledged.
func (w *writer) write(count int) {
	w.t.Helper()
	for range count {
		if err := w.create(); err != nil {
			w.t.Fatalf("a write that had room failed: %v", err)
		}
	}
}

// writeUntilRefused gives the first error, and tries some more, so that there are several.
func (w *writer) writeUntilRefused() error {
	w.t.Helper()
	var first error
	for began := time.Now(); first == nil; {
		first = w.create()
		if time.Since(began) > failure {
			w.t.Fatalf("all writes of %v were acknowledged without any room", failure)
		}
	}
	for range 10 {
		_ = w.create() // either way it is noted
	}
	return first
}

func (w *writer) create() error {
	key := fmt.Sprintf("/k/%06d", w.next)
	w.next++
	ctx, cancel := context.WithTimeout(server.Context(w.t), 2*time.Second)
	defer cancel()
	_, err := w.client.KV.Put(ctx,
		&pb.PutRequest{Key: []byte(key), Value: []byte(strings.Repeat("v", w.size))})
	if err == nil {
		w.acknowledged = append(w.acknowledged, key)
	} else {
		w.refused = append(w.refused, key)
	}
	return err
}

// check compares the store, and a watch from its beginning, with what was acknowledged.
func (w *writer) check(stream pb.Watch_WatchClient) {
	w.t.Helper()
	all := w.client.Range(
		&pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0"), KeysOnly: true})
	stored := map[string]bool{}
	for _, kv := range all.Kvs {
		if kv.Version != 1 {
			w.t.Errorf("%s was written %d times", kv.Key, kv.Version)
		}
		stored[string(kv.Key)] = true
	}
	for _, key := range w.acknowledged {
		if !stored[key] {
			w.t.Errorf("%s was acknowledged, and is lost", key)
		}
	}
	const others = 1 // the key that came when there was room again
	least, most := len(w.acknowledged)+others, len(w.acknowledged)+len(w.refused)+others
	if len(all.Kvs) < least || len(all.Kvs) > most {
		w.t.Errorf("there are %d keys, want %d to %d", len(all.Kvs), least, most)
	}
	outage.ExpectRevisions(w.t, stream, 2, all.Header.Revision)
	if want := int64(len(all.Kvs) + 1); all.Header.Revision != want {
		w.t.Errorf("the store is at revision %d, want %d: one for each key", all.Header.Revision, want)
	}
}
