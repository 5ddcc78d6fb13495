package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"kubase/bench/load/internal/away"
	"kubase/bench/load/internal/load"
	"kubase/bench/load/internal/peer"
	"kubase/bench/load/internal/report"
)

const (
	farConnections = 16
	farCreates     = 10_000 // a second
	farKeys        = 2      // times as many as the other measurements have
)

func farCreate(engine string) string { return "create, " + engine + " far away" }

// serverAddress is where in an endpoint the server of a database is.
var serverAddress = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// measureFar: creates by a kubase of its own, whose database server is further away than it is.
// Other servers, and kubase on SQLite, have none.
func (b *bench) measureFar(ctx context.Context, s *subject) (err error) {
	engine, onEngine := strings.CutPrefix(s.column, "kubase-")
	if !onEngine {
		return nil
	}
	endpoint := *b.engines[engine]
	delay := time.Duration(b.farDelay * float64(time.Millisecond))
	proxy, err := away.Start(serverAddress.FindString(endpoint), delay)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, proxy.Close()) }()
	kind := peer.Kubase(s.server.Kind.Binary).
		On(engine, serverAddress.ReplaceAllString(endpoint, proxy.Address()))
	far, err := b.launch(ctx, kind, s.column, farKeys*b.keys, farConnections)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, far.stop()) }()
	return b.createFar(ctx, far, engine)
}

func (b *bench) createFar(ctx context.Context, far *subject, engine string) error {
	before, err := peer.ReadProcessors()
	if err != nil {
		return err
	}
	err = b.rate(far, farCreate(engine), func() (load.Sample, error) {
		return far.client.Create(ctx, b.farWorkers, far.keys)
	})
	if err != nil {
		return fmt.Errorf("%w; the end of its log:\n%s", err, far.logTail())
	}
	after, err := peer.ReadProcessors()
	if err == nil {
		b.note(far, "processors busy, "+engine+" far away", "%", 100*after.BusySince(before))
	}
	return err
}

func farTargets() map[string]report.Target {
	targets := map[string]report.Target{}
	for _, engine := range knownEngines {
		targets[farCreate(engine)] = report.Target{
			Of: "kubase-" + engine, Limit: farCreates, AtLeast: true,
		}
	}
	return targets
}
