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
	"kubase/bench/load/internal/resource"
)

const (
	// systemUsers create and list at the same time, each with one request in flight.
	systemUsers = 10
	// userObjects is more than one user can create, so that each has numbers of its own.
	userObjects = 10_000_000
	// requestsPerTurn: an object is created and then found.
	requestsPerTurn = 2
	// systemTurn is about how long one system is loaded before the next one is.
	systemTurn = 15 * time.Second
	// longestFill bounds how many turns a system gets to reach its number of objects: an hour.
	longestFill = int(time.Hour / systemTurn)
	// longestLag ends the run if a cache does not get up to date at all.
	longestLag = 30 * time.Second

	rowSystem       = "system: requests"
	rowSystemFirst  = "system: requests in the first minute"
	rowSystemMiddle = "system: requests in between"
	rowSystemLast   = "system: requests in the last minute"
	rowSystemKept   = "system: requests, last minute to first"
	rowSystemFilled = "system: requests until it has all objects"
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

// runSystem puts the same load on all systems, which begin with empty stores. They take turns, since
// the machine is not equally fast all the time; who is not loaded has nothing to do.
func (b *bench) runSystem(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "whole systems")
	all := map[*subject]*users{}
	for _, kind := range b.kinds {
		s, err := b.startCluster(ctx, kind, systemKinds...)
		if err != nil {
			return err
		}
		all[s] = &users{subject: s}
	}
	begin := phase{"the first objects", func(ctx context.Context, s *subject) error {
		return b.beginSystem(ctx, all[s])
	}}
	if err := b.runPhases(ctx, 0, []phase{begin}); err != nil {
		return err
	}
	for _, stretch := range b.systemStretches() {
		if err := b.loadSystems(ctx, all, stretch); err != nil {
			return err
		}
	}
	for _, s := range b.subjects {
		b.note(s, rowSystem, "/s", all[s].rate())
	}
	if err := b.fillSystems(ctx, all); err != nil {
		return err
	}
	for _, s := range b.subjects {
		if err := b.noteSystem(all[s]); err != nil {
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

// stretch is a part of the load: the first minute, the last one, and what is between them; a short
// run has halves.
type stretch struct {
	row      string
	duration time.Duration
}

func (b *bench) systemStretches() []stretch {
	total := time.Duration(b.minutes * float64(time.Minute))
	edge := min(time.Minute, total/2)
	return []stretch{
		{rowSystemFirst, edge}, {rowSystemMiddle, total - 2*edge}, {rowSystemLast, edge},
	}
}

// beginSystem makes the first objects of each kind, which have to wait for what the server prepares
// then.
func (b *bench) beginSystem(ctx context.Context, u *users) error {
	before, err := u.api.Usage()
	if err != nil {
		return err
	}
	u.residentBefore = before.RSS
	for range systemKinds {
		took, err := u.turn(ctx, 0)
		if err != nil {
			return err
		}
		b.report.AddDetail(u.column, "system: first create and list", "ms", milliseconds(took))
	}
	return nil
}

// loadSystems lets the users of each system work for a stretch, some seconds at a time.
func (b *bench) loadSystems(ctx context.Context, all map[*subject]*users, part stretch) error {
	turns := int((part.duration + systemTurn - 1) / systemTurn)
	before := map[*subject]progress{}
	for s, u := range all {
		before[s] = u.progress
	}
	for turn := range turns {
		err := b.takeTurns(ctx, turn, part.row, part.duration/time.Duration(turns), all)
		if err != nil {
			return err
		}
	}
	for _, s := range b.subjects {
		if turns == 0 {
			continue
		}
		b.note(s, part.row, "/s", all[s].since(before[s]).rate())
		if err := b.noteMemory(s, part.row); err != nil {
			return err
		}
	}
	return nil
}

// fillSystems goes on with those that have too few objects yet: what a slower system did in the same
// minutes, it did with fewer objects. Kine would need days.
func (b *bench) fillSystems(ctx context.Context, all map[*subject]*users) error {
	few := map[*subject]*users{}
	for turn := 0; ; turn++ {
		clear(few)
		for s, u := range all {
			if s.server.Kind.Name != "kine" && u.turns < b.systemObjects {
				few[s] = u
			}
		}
		if len(few) == 0 {
			break
		}
		if turn == longestFill {
			return fmt.Errorf("no %d objects after %d more turns", b.systemObjects, turn)
		}
		if err := b.takeTurns(ctx, turn, rowSystemFilled, systemTurn, few); err != nil {
			return err
		}
	}
	for _, s := range b.subjects {
		if all[s].turns >= b.systemObjects {
			b.note(s, rowSystemFilled, "/s", all[s].rate())
		}
	}
	return nil
}

// takeTurns lets the users of some systems work, those of one after those of another.
func (b *bench) takeTurns(ctx context.Context, turn int, row string, length time.Duration,
	some map[*subject]*users) error {
	return b.runPhases(ctx, turn, []phase{{row, func(ctx context.Context, s *subject) error {
		u, wanted := some[s]
		if !wanted {
			return nil
		}
		sample, _, err := b.measured(s, row, func() (load.Sample, error) {
			return load.Repeat(ctx, systemUsers, length,
				func(ctx context.Context, user, _ int) (time.Duration, error) {
					return u.turn(ctx, user)
				})
		})
		u.turns += sample.Operations
		u.elapsed += sample.Elapsed
		return err
	}}})
}

// noteSystem notes what came out of all stretches.
func (b *bench) noteSystem(u *users) error {
	after, err := u.api.Usage()
	if err != nil {
		return err
	}
	b.note(u.subject, "system: objects created", "", float64(u.turns))
	b.note(u.subject, "system: lists in vain", "", float64(u.missed.Load()))
	b.note(u.subject, rowSystemBefore, "MB", float64(u.residentBefore)/1e6)
	b.note(u.subject, rowSystemAfter, "MB", float64(after.RSS)/1e6)
	b.note(u.subject, rowSystemGrowth, "MB", float64(after.RSS-u.residentBefore)/1e6)
	return nil
}

// users are those who load a system.
type users struct {
	*subject
	made   [systemUsers]int // objects of each user
	missed atomic.Int64     // lists that did not have the object yet

	residentBefore int64 // of kube-apiserver, in bytes
	progress
}

// progress is what they did while they were measured.
type progress struct {
	turns   int
	elapsed time.Duration
}

func (p progress) since(before progress) progress {
	return progress{p.turns - before.turns, p.elapsed - before.elapsed}
}

// rate is how many requests a second they made.
func (p progress) rate() float64 {
	return float64(requestsPerTurn*p.turns) / p.elapsed.Seconds()
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
