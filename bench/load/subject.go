package main

import (
	"context"
	"errors"
	"os"

	"kubase/bench/load/internal/kube"
	"kubase/bench/load/internal/load"
	"kubase/bench/load/internal/peer"
)

// subject is a server that is measured, with the column of the table that gets its figures.
type subject struct {
	column string
	server *peer.Server
	client *load.Client
	keys   *load.Keys
	api    *kube.Server // the kube-apiserver over it, if there is one
	// beside is one of the same kind with the shortest list, if there is one: what is compared with
	// it is measured in the same seconds, since the machine is not equally fast all the time.
	beside *subject
}

// stop ends what runs and removes its data.
func (s *subject) stop() error {
	var failures []error
	if s.beside != nil {
		failures = append(failures, s.beside.stop())
	}
	if s.api != nil {
		failures = append(failures, s.api.Stop(), s.api.RemoveData())
	}
	if s.client != nil {
		failures = append(failures, s.client.Close())
	}
	return errors.Join(append(failures, s.server.Stop(), s.server.RemoveData())...)
}

// settle waits until nobody works any more.
func (s *subject) settle(ctx context.Context) error {
	if s.api != nil {
		if err := s.api.Settle(ctx); err != nil {
			return err
		}
	}
	return s.server.Settle(ctx)
}

func (s *subject) logTail() string {
	const lines = 5
	tail := s.server.LogTail(lines)
	if s.api != nil {
		tail += "\nand that of its kube-apiserver:\n" + s.api.LogTail(lines)
	}
	return tail
}

// costs is what all have used that take part in a measurement.
type costs struct{ server, api, generator peer.Usage }

func (s *subject) costs() (costs, error) {
	var c costs
	var failures [3]error
	c.server, failures[0] = s.server.Usage()
	if s.api != nil {
		c.api, failures[1] = s.api.Usage()
	}
	c.generator, failures[2] = peer.ReadUsage(os.Getpid())
	return c, errors.Join(failures[:]...)
}
