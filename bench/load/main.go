// Command load runs servers of the etcd API beside each other on this machine and compares how fast
// they are: rounds in which each measurement is taken of one server after another, so that what
// else the machine does hits all of them. bench/run.sh builds everything and calls it;
// bench/README.md says what the figures mean.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	// Fewer collections of garbage: the generator shares the processors with the servers.
	debug.SetGCPercent(400)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	scenarios := map[string]func(*bench, context.Context) error{
		"store":     (*bench).runStore,
		"scale":     (*bench).runScale,
		"selectors": (*bench).runSelectors,
		"collector": (*bench).runCollector,
	}
	if len(arguments) == 0 || scenarios[arguments[0]] == nil {
		return errors.New("the first argument is the scenario: store, scale, selectors or " +
			"collector")
	}
	o, err := parse(arguments[0], arguments[1:])
	if err != nil {
		return err
	}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	return errors.Join(scenarios[o.scenario](b, ctx), b.close())
}
