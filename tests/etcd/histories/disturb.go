package histories

import (
	"context"
	"time"

	"kubase/tests/etcd/internal/database"
	"kubase/tests/etcd/internal/server"
)

// The texts that end a transaction on the way to the database server.
var commit = []byte("COMMIT")

// disturb does to the servers what the mode says, at random times until the context ends. It leaves
// servers that run.
func (r *run) disturb(ctx context.Context) {
	for {
		wait(ctx, time.Duration(200+r.random.IntN(1300))*time.Millisecond)
		if ctx.Err() != nil {
			return
		}
		switch {
		case r.mode.outages:
			r.outage()
		case r.mode.leaders:
			r.changeLeader()
		case r.mode.nodes:
			r.loseNode()
		case r.mode.kills && r.mode.pauses && r.random.IntN(2) == 0, r.mode.kills && !r.mode.pauses:
			r.kill()
		case r.mode.pauses:
			r.pause(r.server, time.Duration(20+r.random.IntN(700))*time.Millisecond)
		}
	}
}

// kill ends the server at once and starts it again; sometimes it is killed again while it starts.
func (r *run) kill() {
	r.server.Kill()
	r.recorder.AddEnd()
	r.disturbances["kills"]++
	if r.random.IntN(4) == 0 {
		r.server.StartAndKill(time.Duration(r.random.IntN(150)) * time.Millisecond)
		r.recorder.AddEnd()
		r.disturbances["kills"]++
	}
	r.server.Restart()
}

// pause stops a process for a while, as a machine does that swaps or migrates.
func (r *run) pause(s *server.Server, length time.Duration) {
	s.Freeze()
	// Not cut short by the end of the history: its requests have to time out too.
	wait(context.Background(), length)
	s.Thaw()
	r.disturbances["pauses"]++
}

// changeLeader kills or stops one of two servers that share a database. What was sent to the one
// that was killed can have come to the other, so that its end tells nothing.
func (r *run) changeLeader() {
	one := r.serverOf(r.random.IntN(2))
	switch r.random.IntN(6) {
	case 0: // longer than the other waits before it takes over
		r.pause(one, 6500*time.Millisecond)
	case 1:
		r.pause(one, time.Duration(20+r.random.IntN(2000))*time.Millisecond)
	case 2:
		one.Stop()
		one.Restart()
		r.disturbances["stops"]++
	default:
		one.Kill()
		r.disturbances["kills"]++
		wait(context.Background(), time.Duration(r.random.IntN(1500))*time.Millisecond)
		one.Restart()
	}
}

// loseNode lets the node of the cluster die that is in use, and come back.
func (r *run) loseNode() {
	r.disturbances["lost nodes"]++
	database.Do(r.t, "kill")
	wait(context.Background(), time.Duration(r.random.IntN(5000))*time.Millisecond)
	database.Do(r.t, "heal")
}

// outage lets the database server, or the network to it, fail for a while.
func (r *run) outage() {
	length := time.Duration(r.random.IntN(1500)) * time.Millisecond
	switch r.random.IntN(6) {
	case 0:
		r.disturbances["cut connections"]++
		r.proxy.Cut()
	case 1:
		r.disturbances["refusals"]++
		r.proxy.Refuse()
		wait(context.Background(), length)
		r.proxy.Accept()
	case 2:
		r.disturbances["stalls"]++
		r.proxy.Stall()
		wait(context.Background(), length)
		r.proxy.Resume()
	case 3:
		r.disturbances["crashes of the database"]++
		database.Crash(r.t)
		wait(context.Background(), length)
		database.Start(r.t)
	default: // a commit that the server may have got, and that nobody hears of
		sprung := r.proxy.CutAt(commit, r.random.IntN(4) > 0)
		select {
		case <-sprung:
			r.disturbances["commits cut off"]++
		case <-time.After(length):
			r.proxy.CutAt(nil, false)
		}
	}
}
