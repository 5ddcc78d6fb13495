// Package campaign keeps in a file which cases of a long test have passed, and what they counted, so
// that a test that was interrupted goes on where it was. The file belongs to one binary under test:
// another one begins anew. It is removed when all cases have passed.
package campaign

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Counts are what cases have done, by name.
type Counts map[string]int64

// Campaign is one long test. Its methods are called by one goroutine at a time.
type Campaign struct {
	path   string
	passed map[string]bool
	total  Counts
}

// Open reads what has passed so far. An empty path keeps nothing. The name tells this test, with
// all that its cases depend on: what another one has written is removed.
func Open(t testing.TB, path, name, binary string) *Campaign {
	t.Helper()
	c := &Campaign{path: path, passed: map[string]bool{}, total: Counts{}}
	if path == "" {
		return c
	}
	header := fmt.Sprintf("%s, binary %s", name, digest(t, binary))
	lines := readLines(t, path)
	if len(lines) > 0 && lines[0] == header {
		for _, line := range lines[1:] {
			c.note(line)
		}
		t.Logf("%s: %d cases have passed before", path, len(c.passed))
		return c
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(header+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// Passed tells whether this case has passed before.
func (c *Campaign) Passed(name string) bool { return c.passed[name] }

// Pass notes that a case has passed, unless its test has failed. The name has no tabulator.
func (c *Campaign) Pass(t testing.TB, name string, counts Counts) {
	t.Helper()
	if t.Failed() {
		return
	}
	line := name
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		line += fmt.Sprintf("\t%s\t%d", what, counts[what])
	}
	c.note(line)
	if c.path == "" {
		return
	}
	file, err := os.OpenFile(c.path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := fmt.Fprintln(file, line); err != nil {
		t.Fatal(err)
	}
}

// Report prints the totals. The file stays, for a test of several campaigns that removes all of them
// in the end.
func (c *Campaign) Report(t testing.TB) {
	t.Helper()
	text := fmt.Sprintf("total: %d cases", len(c.passed))
	for _, what := range slices.Sorted(maps.Keys(c.total)) {
		text += fmt.Sprintf(", %d %s", c.total[what], what)
	}
	t.Log(text)
}

// End prints the totals, and removes the file when the test has passed.
func (c *Campaign) End(t testing.TB) {
	t.Helper()
	c.Report(t)
	if c.path != "" && !t.Failed() {
		if err := os.Remove(c.path); err != nil {
			t.Error(err)
		}
	}
}

func (c *Campaign) note(line string) {
	fields := strings.Split(line, "\t")
	c.passed[fields[0]] = true
	for i := 1; i+1 < len(fields); i += 2 {
		count := int64(0)
		if _, err := fmt.Sscan(fields[i+1], &count); err == nil {
			c.total[fields[i]] += count
		}
	}
}

// readLines returns the whole lines of a file; the last one may be cut by an interruption.
func readLines(t testing.TB, path string) []string {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(content), "\n")
	return lines[:len(lines)-1]
}

func digest(t testing.TB, path string) string {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, bufio.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:8])
}
