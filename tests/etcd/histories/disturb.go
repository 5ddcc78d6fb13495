package histories

import (
	"context"
	"syscall"
	"time"
)

// disturb kills and restarts the server, and stops and continues it, at random times until the
// context ends. It leaves a server that runs.
func (r *run) disturb(ctx context.Context) {
	for {
		wait(ctx, time.Duration(200+r.random.IntN(1300))*time.Millisecond)
		if ctx.Err() != nil {
			return
		}
		switch {
		case r.mode.kills && r.mode.pauses && r.random.IntN(2) == 0, r.mode.kills && !r.mode.pauses:
			r.kill()
		case r.mode.pauses:
			r.pause()
		}
	}
}

// kill ends the server at once and starts it again; sometimes it is killed again while it starts.
func (r *run) kill() {
	r.server.Kill()
	r.recorder.AddEnd()
	r.kills++
	if r.random.IntN(4) == 0 {
		r.server.StartAndKill(time.Duration(r.random.IntN(150)) * time.Millisecond)
		r.recorder.AddEnd()
		r.kills++
	}
	r.server.Restart()
}

// pause stops the process for a while, as a machine does that swaps or migrates.
func (r *run) pause() {
	pid := r.server.Pid()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		r.t.Fatalf("stop the server: %v", err)
	}
	// Not cut short by the end of the history: its requests have to time out too.
	wait(context.Background(), time.Duration(20+r.random.IntN(700))*time.Millisecond)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		r.t.Fatalf("continue the server: %v", err)
	}
	r.pauses++
}
