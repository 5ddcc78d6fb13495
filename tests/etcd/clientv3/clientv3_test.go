// Package clientv3 shows that what people build on etcd's own client works: locks, elections,
// software transactional memory, sessions, mirrors and namespaces.
package clientv3

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/client/v3/mirror"
	"go.etcd.io/etcd/client/v3/namespace"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

func session(t *testing.T, s *server.Server) *concurrency.Session {
	t.Helper()
	session, err := concurrency.NewSession(s.ClientV3(t), concurrency.WithTTL(60),
		concurrency.WithContext(server.Context(t)))
	expect.OK(t, err)
	return session
}

// Many lockers of one mutex are never inside together.
func TestMutex(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	var inside, entered atomic.Int64
	var group sync.WaitGroup
	for range 5 {
		mutex := concurrency.NewMutex(session(t, s), "/lock")
		group.Go(func() {
			for range 10 {
				if err := mutex.Lock(server.Context(t)); err != nil {
					t.Errorf("lock: %v", err)
					return
				}
				if now := inside.Add(1); now != 1 {
					t.Errorf("%d holders of the lock", now)
				}
				entered.Add(1)
				inside.Add(-1)
				if err := mutex.Unlock(server.Context(t)); err != nil {
					t.Errorf("unlock: %v", err)
					return
				}
			}
		})
	}
	group.Wait()
	expect.Equal(t, "times the lock was held", entered.Load(), 50)
}

func TestMutexOfASessionThatEnds(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	first, second := session(t, s), session(t, s)
	expect.OK(t, concurrency.NewMutex(first, "/lock").Lock(server.Context(t)))
	waiting := concurrency.NewMutex(second, "/lock")
	err := waiting.TryLock(server.Context(t))
	expect.True(t, errors.Is(err, concurrency.ErrLocked), "a try while it is held ends with %v",
		err)
	expect.OK(t, first.Close()) // revokes the lease of the lock's key
	expect.OK(t, waiting.Lock(server.Context(t)))
}

func TestElection(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	const candidates = 4
	observer := concurrency.NewElection(session(t, s), "/election")
	ctx, cancel := context.WithCancel(server.Context(t))
	defer cancel()
	observed := observer.Observe(ctx)
	elected := make(chan string, candidates)
	var group sync.WaitGroup
	for i := range candidates {
		election := concurrency.NewElection(session(t, s), "/election")
		group.Go(func() {
			name := fmt.Sprintf("candidate %d", i)
			if err := election.Campaign(server.Context(t), name); err != nil {
				t.Errorf("campaign: %v", err)
				return
			}
			elected <- name
			if leader, err := election.Leader(server.Context(t)); err != nil ||
				string(leader.Kvs[0].Value) != name {
				t.Errorf("leader is %v, %v, want %s", leader, err, name)
			}
			// The next one wins only when the observer has seen this one.
			for response := range observed {
				if string(response.Kvs[0].Value) == name {
					break
				}
			}
			if err := election.Resign(server.Context(t)); err != nil {
				t.Errorf("resign: %v", err)
			}
		})
	}
	group.Wait()
	expect.Equal(t, "leaders", len(elected), candidates)
}

// Transfers between accounts by software transactional memory keep the sum.
func TestSTM(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	const accounts, start = 6, 100
	client := s.ClientV3(t)
	for i := range accounts {
		_, err := client.Put(server.Context(t), fmt.Sprintf("account/%d", i), strconv.Itoa(start))
		expect.OK(t, err)
	}
	var group sync.WaitGroup
	for range 6 {
		client := s.ClientV3(t)
		group.Go(func() {
			for range 15 {
				if err := transfer(server.Context(t), client, accounts); err != nil {
					t.Errorf("transfer: %v", err)
					return
				}
			}
		})
	}
	group.Wait()
	response, err := client.Get(server.Context(t), "account/", clientv3.WithPrefix())
	expect.OK(t, err)
	sum := 0
	for _, kv := range response.Kvs {
		amount, err := strconv.Atoi(string(kv.Value))
		expect.OK(t, err)
		sum += amount
	}
	expect.Equal(t, "sum of all accounts", sum, accounts*start)
}

func transfer(ctx context.Context, client *clientv3.Client, accounts int) error {
	from, to := rand.IntN(accounts), rand.IntN(accounts)
	if from == to {
		return nil
	}
	_, err := concurrency.NewSTM(client, func(stm concurrency.STM) error {
		source, target := fmt.Sprintf("account/%d", from), fmt.Sprintf("account/%d", to)
		has, err := strconv.Atoi(stm.Get(source))
		if err != nil {
			return err
		}
		gets, err := strconv.Atoi(stm.Get(target))
		if err != nil {
			return err
		}
		moved := has / 2
		stm.Put(source, strconv.Itoa(has-moved))
		stm.Put(target, strconv.Itoa(gets+moved))
		return nil
	}, concurrency.WithAbortContext(ctx), concurrency.WithIsolation(concurrency.SerializableSnapshot))
	return err
}

// A session keeps its lease alive, and the lease goes when the session's process is gone.
func TestSession(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	client := s.ClientV3(t)
	short, err := concurrency.NewSession(client, concurrency.WithTTL(2))
	expect.OK(t, err)
	_, err = client.Put(server.Context(t), "k", "v", clientv3.WithLease(short.Lease()))
	expect.OK(t, err)
	// Well beyond the TTL the key is there, because the session renews its lease.
	for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(200 * time.Millisecond) {
		response, err := client.Get(server.Context(t), "k")
		expect.OK(t, err)
		if response.Count != 1 {
			t.Fatalf("the key is gone after %v, although its session lives", time.Since(began))
		}
	}
	watch := client.Watch(server.Context(t), "k", clientv3.WithFilterPut())
	short.Orphan() // ends the renewal without revoking, as a crash does
	response, open := <-watch
	expect.True(t,
		open && len(response.Events) == 1 && response.Events[0].Type == clientv3.EventTypeDelete,
		"event is %v", response)
}

func TestNamespace(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	client := s.ClientV3(t)
	inside := namespace.NewKV(client.KV, "ns/")
	_, err := inside.Put(server.Context(t), "k", "v")
	expect.OK(t, err)
	_, err = client.Put(server.Context(t), "outside", "v")
	expect.OK(t, err)
	outer, err := client.Get(server.Context(t), "ns/k")
	expect.OK(t, err)
	expect.Equal(t, "keys seen from outside", outer.Count, 1)
	all, err := inside.Get(server.Context(t), "", clientv3.WithFromKey())
	expect.OK(t, err)
	expect.Equal(t, "keys seen from inside", all.Count, 1)
	expect.Equal(t, "key seen from inside", string(all.Kvs[0].Key), "k")
}

// The mirror reads everything page by page at one revision and then follows by a watch, as
// kube-apiserver does.
func TestMirror(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	client := s.ClientV3(t)
	const keys = 2500 // more than two of the mirror's pages
	for first := 0; first < keys; first += 100 {
		puts := []clientv3.Op{}
		for i := range 100 {
			puts = append(puts, clientv3.OpPut(fmt.Sprintf("k%05d", first+i), "v"))
		}
		_, err := client.Txn(server.Context(t)).Then(puts...).Commit()
		expect.OK(t, err)
	}
	syncer := mirror.NewSyncer(client, "k", 0)
	pages, failed := syncer.SyncBase(server.Context(t))
	seen := 0
	for page := range pages {
		seen += len(page.Kvs)
	}
	expect.OK(t, <-failed)
	expect.Equal(t, "keys in all pages", seen, keys)
	updates := syncer.SyncUpdates(server.Context(t))
	_, err := client.Put(server.Context(t), "k00001", "changed")
	expect.OK(t, err)
	update := <-updates
	expect.Equal(t, "update", string(update.Events[0].Kv.Value), "changed")
}
