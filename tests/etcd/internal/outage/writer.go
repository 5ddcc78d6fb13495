package outage

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/server"
)

// writeTimeout is how long a writer waits for one answer; what comes later is of unknown outcome.
const writeTimeout = 2 * time.Second

// Writer creates keys of their own under /k/, one after the other, and keeps what was acknowledged.
type Writer struct {
	t            testing.TB
	client       *server.Client
	size         int
	next         int
	acknowledged []string
	refused      []string
}

// NewWriter makes a writer of values of a size in bytes, the only one of its store.
func NewWriter(t testing.TB, client *server.Client, size int) *Writer {
	return &Writer{t: t, client: client, size: size}
}

// Acknowledged is how many writes were.
func (w *Writer) Acknowledged() int { return len(w.acknowledged) }

// Refused is how many writes failed, or had no answer.
func (w *Writer) Refused() int { return len(w.refused) }

// Write creates some keys, all of which have to be acknowledged.
func (w *Writer) Write(count int) {
	w.t.Helper()
	for range count {
		if err := w.create(writeTimeout); err != nil {
			w.t.Fatalf("a write that nothing kept from it failed: %v", err)
		}
	}
}

// WriteFor tries to write for so long, whatever comes of it.
func (w *Writer) WriteFor(length, timeout time.Duration) {
	for end := time.Now().Add(length); time.Now().Before(end); {
		if w.create(min(timeout, time.Until(end))) != nil {
			time.Sleep(pause)
		}
	}
}

// Try writes once, whatever comes of it, which is noted.
func (w *Writer) Try(timeout time.Duration) { _ = w.create(timeout) }

// WriteUntilRefused gives the first error, and tries some more, so that there are several.
func (w *Writer) WriteUntilRefused(limit time.Duration) error {
	w.t.Helper()
	var first error
	for began := time.Now(); first == nil; {
		first = w.create(writeTimeout)
		if time.Since(began) > limit {
			w.t.Fatalf("all writes of %v were acknowledged, where none could be", limit)
		}
	}
	for range 10 {
		_ = w.create(writeTimeout) // either way it is noted
	}
	return first
}

// WriteWhenPossible writes as soon as that is taken, which has to be within limit, and tells after
// how long it was.
func (w *Writer) WriteWhenPossible(limit time.Duration) time.Duration {
	w.t.Helper()
	began := time.Now()
	for {
		err := w.create(limit)
		took := time.Since(began)
		if err == nil {
			w.t.Logf("writes again after %v", took)
		}
		if took > limit {
			w.t.Fatalf("no write within %v, but after %v (%v)", limit, took, err)
		}
		if err == nil {
			return took
		}
		time.Sleep(pause)
	}
}

func (w *Writer) create(timeout time.Duration) error {
	key := fmt.Sprintf("/k/%06d", w.next)
	w.next++
	ctx, cancel := context.WithTimeout(server.Context(w.t), timeout)
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

// Check compares the store, and a watch from its beginning, with what was acknowledged.
func (w *Writer) Check(stream pb.Watch_WatchClient) {
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
	least, most := len(w.acknowledged), len(w.acknowledged)+len(w.refused)
	if len(all.Kvs) < least || len(all.Kvs) > most {
		w.t.Errorf("there are %d keys, want %d to %d", len(all.Kvs), least, most)
	}
	ExpectRevisions(w.t, stream, 2, all.Header.Revision)
	if want := int64(len(all.Kvs) + 1); all.Header.Revision != want {
		w.t.Errorf("the store is at revision %d, want %d: one for each key", all.Header.Revision, want)
	}
}
