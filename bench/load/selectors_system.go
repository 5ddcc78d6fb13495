package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"kubase/bench/load/internal/kube"
	"kubase/bench/load/internal/load"
	"kubase/bench/load/internal/peer"
	"kubase/bench/load/internal/resource"
)

const (
	// systemUsers create and list at the same time, each with one request in flight.
	systemUsers = 10
	// userObjects is more than one user can create, so that each has numbers of its own.
	userObjects = 10_000_000
	// requestsPerTurn: an object is created and then found.
	requestsPerTurn = 2
	// longestLag ends the run if a cache does not get up to date at all.
	longestLag = 30 * time.Second

	rowSystem       = "system: requests"
	rowSystemFirst  = "system: requests in the first minute"
	rowSystemMiddle = "system: requests in between"
	rowSystemLast   = "system: requests in the last minute"
	rowSystemKept   = "system: requests, last minute to first"
	rowSystemKine   = "system: requests, to those over kine"
	rowSystemBefore = "system: apiserver resident, before"
	rowSystemAfter  = "system: apiserver resident, after"
	rowSystemGrowth = "system: apiserver resident, growth"
)

// systemKinds are created in turns.
var systemKinds = []resource.Kind{
	{Singular: "account"}, {Singular: "budget"}, {Singular: "contract"},
	{Singular: "document"}, {Singular: "engine"}, {Singular: "forecast"},
}

// runSystem puts the same load on one system after another, each alone and with an empty store.
func (b *bench) runSystem(ctx context.Context) error {
	for _, kind := range b.kinds {
		if err := b.systemOf(ctx, kind); err != nil {
			return err
		}
		if err := b.stopAll(); err != nil {
			return err
		}
	}
	b.noteRatio(rowSystemKept, rowSystemLast, rowSystemFirst)
	ours, found := b.report.Median("kubase", rowSystem)
	kine, foundKine := b.report.Median("kine", rowSystem)
	if found && foundKine {
		b.noteIn("kubase", rowSystemKine, "×", ours/kine)
	}
	return nil
}

func (b *bench) systemOf(ctx context.Context, kind peer.Kind) error {
	fmt.Fprintf(os.Stderr, "system of %s\n", kind.Name)
	s, err := b.startCluster(ctx, kind, systemKinds...)
	if err != nil {
		return err
	}
	before, err := s.api.Usage()
	if err != nil {
		return err
	}
	phases := []phase{{"the load on the system", b.loadSystem}}
	if err := b.runPhases(ctx, 0, phases); err != nil {
		return err
	}
	after, err := s.api.Usage()
	if err != nil {
		return err
	}
	b.note(s, rowSystemBefore, "MB", float64(before.RSS)/1e6)
	b.note(s, rowSystemAfter, "MB", float64(after.RSS)/1e6)
	b.note(s, rowSystemGrowth, "MB", float64(after.RSS-before.RSS)/1e6)
	return nil
}

// loadSystem lets the users work, in three stretches: the first minute, the last one, and what is
// between them; a short run has halves.
func (b *bench) loadSystem(ctx context.Context, s *subject) error {
	total := time.Duration(b.minutes * float64(time.Minute))
	edge := min(time.Minute, total/2)
	users := &users{subject: s}
	// The first objects of a kind have to wait for what the server prepares then.
	for range systemKinds {
		took, err := users.turn(ctx, 0)
		if err != nil {
			return err
		}
		b.report.AddDetail(s.column, "system: first create and list", "ms", milliseconds(took))
	}
	requests, elapsed := 0, time.Duration(0)
	for _, stretch := range []struct {
		row      string
		duration time.Duration
	}{{rowSystemFirst, edge}, {rowSystemMiddle, total - 2*edge}, {rowSystemLast, edge}} {
		if stretch.duration <= 0 {
			continue
		}
		sample, _, err := b.measured(s, stretch.row, func() (load.Sample, error) {
			return load.Repeat(ctx, systemUsers, stretch.duration,
				func(ctx context.Context, user, _ int) (time.Duration, error) {
					return users.turn(ctx, user)
				})
		})
		if err != nil {
			return err
		}
		b.note(s, stretch.row, "/s", requestsPerTurn*sample.Rate())
		if err := b.noteMemory(s, stretch.row); err != nil {
			return err
		}
		requests += requestsPerTurn * sample.Operations
		elapsed += sample.Elapsed
	}
	b.note(s, rowSystem, "/s", float64(requests)/elapsed.Seconds())
	b.note(s, "system: objects created", "", float64(requests/requestsPerTurn))
	b.note(s, "system: lists in vain", "", float64(users.missed.Load()))
	return nil
}

// users are those who load a system.
type users struct {
	*subject
	made   [systemUsers]int // objects of each user
	missed atomic.Int64     // lists that did not have the object yet
}

// turn creates an object and reads it back by the label that it alone has. Over a store whose cache
// lags a user asks until the object is there, as he would have to; the requests in vain count for
// nothing.
func (u *users) turn(ctx context.Context, user int) (time.Duration, error) {
	kind := systemKinds[u.made[user]%len(systemKinds)]
	number := user*userObjects + u.made[user]
	u.made[user]++
	began := time.Now()
	if err := u.api.Create(ctx, kind, number); err != nil {
		return 0, err
	}
	for {
		_, err := u.api.Expect(ctx, kind, selections[0].query(number), number, number, false)
		took := time.Since(began)
		if !errors.Is(err, kube.ErrContent) || !u.server.Kind.CacheLags || took > longestLag {
			return took, err
		}
		u.missed.Add(1)
	}
}

// noteMemory notes, for the file, what kube-apiserver holds at the end of a stretch.
func (b *bench) noteMemory(s *subject, row string) error {
	usage, err := s.api.Usage()
	if err == nil {
		b.report.AddDetail(s.column, row+": apiserver resident", "MB", float64(usage.RSS)/1e6)
		b.report.AddDetail(s.column, row+": apiserver private", "MB", float64(usage.Private)/1e6)
	}
	return err
}
