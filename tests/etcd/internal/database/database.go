// Package database stops and starts the server that holds the data of kubase (tests/databases).
package database

import (
	"bufio"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// controlVariable names the socket where the server takes commands.
const controlVariable = "KUBASE_TEST_CONTROL"

// startTimeout is far above what a server takes to start after a crash.
const startTimeout = 90 * time.Second

// Stop ends the server in the ordinary way: it ends what its clients do.
func Stop(t testing.TB) { t.Helper(); command(t, "stop") }

// Crash ends the server at once.
func Crash(t testing.TB) { t.Helper(); command(t, "crash") }

// Start starts it again, and returns when it answers.
func Start(t testing.TB) { t.Helper(); command(t, "start") }

// Do gives a command that only some servers have.
func Do(t testing.TB, text string) { t.Helper(); command(t, text) }

func command(t testing.TB, text string) {
	t.Helper()
	conn, err := net.Dial("unix", os.Getenv(controlVariable))
	if err != nil {
		t.Fatalf("%s has to name a socket (tests/databases): %v", controlVariable, err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(startTimeout))
	if _, err := conn.Write([]byte(text + "\n")); err != nil {
		t.Fatalf("%s the database server: %v", text, err)
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "ok" {
		t.Fatalf("%s the database server: %s %v", text, answer, err)
	}
}
