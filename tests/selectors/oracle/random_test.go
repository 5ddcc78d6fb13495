package oracle

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sort"
	"strings"
	"testing"
)

var (
	pairs = flag.Int("pairs", 100_000, "random pairs of a selector and an object")
	seed  = flag.Uint64("seed", 1, "of the random pairs")
)

// The parts of random selectors and objects: few enough that many pairs match, and with all that a
// parser may stumble over.
var (
	keys = []string{"a", "a", "a", "b", "b", "in", "notin", "x.io/a", "A_b", "-a", "a/b/c", "X.io/a", "é",
		strings.Repeat("k", 63), strings.Repeat("k", 64), strings.Repeat("p.", 126) + "p/a",
		strings.Repeat("p.", 127) + "p/a"}
	values = []string{"", "", "v", "v", "v", "w", "w", "in", "notin", "1", "2", "10", "-1", "+5", "007", "1.0",
		"0x1", "-0", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "v w", "-v", "é",
		"\xff", strings.Repeat("v", 63), strings.Repeat("v", 64)}
	names     = []string{"metadata.name", "metadata.namespace", "f", "f", "g", "spec.x", "", "unknown", "f!", `f\`}
	texts     = []string{"", "", "v", "v", "w", "v,w", "v=w", `v\w`, "\xff", "\xff,", "\xed\xa0\x80=", "é,", " v", "!"}
	spaces    = []string{"", "", "", "", " ", "\t", "\n", "\r", "  ", "\v", "\x00"}
	tokens    = []string{"=", "==", "!=", "!", "(", ")", ",", "<", ">", "in", "notin", "a", "b", "v", " ", "\x00", `\`}
	operators = []string{"=", "==", "!=", "<", ">", " in ", " notin ", "in", "notin ", "===", "=!", "!"}
)

type generator struct{ *rand.Rand }

func (g generator) of(list []string) string { return list[g.IntN(len(list))] }

func (g generator) list(elements int, separator string, element func() string) string {
	parts := make([]string, elements)
	for i := range parts {
		parts[i] = element()
	}
	return strings.Join(parts, separator)
}

func (g generator) labelRequirement() string {
	space := func() string { return g.of(spaces[:1+g.IntN(len(spaces))]) }
	key := space() + g.of(keys) + space()
	switch g.IntN(6) {
	case 0:
		return key
	case 1:
		return "!" + key
	case 2, 3:
		return key + g.of(operators[:3]) + space() + g.of(values)
	case 4:
		list := g.list(g.IntN(4), ",", func() string { return space() + g.of(values) + space() })
		return key + g.of(operators[5:9]) + "(" + list + ")"
	default:
		return key + g.of(operators) + g.of(values)
	}
}

func (g generator) fieldRequirement() string {
	escaped := strings.NewReplacer(`\`, `\\`, ",", `\,`, "=", `\=`).Replace(g.of(texts))
	if g.IntN(8) == 0 {
		escaped = g.of(texts)
	}
	return g.of(names) + g.of(operators[:3]) + escaped
}

func (g generator) selector(requirement func() string) string {
	switch g.IntN(12) {
	case 0:
		return ""
	case 1:
		return g.list(g.IntN(9), "", func() string { return g.of(tokens) })
	case 2: // one with a mistake
		text := g.list(1+g.IntN(3), ",", requirement)
		at := g.IntN(len(text) + 1)
		return text[:at] + g.of(tokens) + text[min(len(text), at+g.IntN(3)):]
	default:
		return g.list(1+g.IntN(3)*g.IntN(2), ",", requirement)
	}
}

func (g generator) object() object {
	o := object{
		name: g.of(texts[2:4]), namespace: g.of([]string{"", "v", "w"}),
		labels: map[string]string{}, fields: map[string]string{},
	}
	for range g.IntN(5) {
		o.labels[g.of(keys)] = g.of(values)
	}
	for _, name := range names[2:] {
		if name != "unknown" {
			o.fields[name] = g.of(texts)
		}
	}
	return o
}

// quoted is the opposite of unquote.
func quoted(text string) string {
	var result strings.Builder
	for _, c := range []byte(text) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			result.WriteByte(c)
		} else {
			fmt.Fprintf(&result, "%%%02X", c)
		}
	}
	return result.String()
}

func quotedValues(values map[string]string) string {
	var list []string
	for key, value := range values {
		list = append(list, quoted(key)+"="+quoted(value))
	}
	sort.Strings(list)
	return strings.Join(list, ",")
}

type matcher struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

func startMatcher(t *testing.T) *matcher {
	t.Helper()
	path := os.Getenv("MATCH_LINES_BIN")
	if path == "" {
		t.Skip("MATCH_LINES_BIN is not set; ctest sets it")
	}
	m := &matcher{command: exec.Command(path)}
	m.command.Stderr = os.Stderr
	in, err := m.command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	m.in, m.out = in, bufio.NewScanner(out)
	if err := m.command.Start(); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRandomPairsAreAnsweredAsByApimachinery(t *testing.T) {
	t.Logf("seed %d, %d pairs; repeat with -args -seed=%d -pairs=%d", *seed, *pairs, *seed, *pairs)
	m := startMatcher(t)
	const batch = 1000 // small enough for a pipe to hold the answers
	g := generator{rand.New(rand.NewPCG(*seed, 0))}
	counts := map[string]int{}
	differences := 0
	for done := 0; done < *pairs && differences < 10; done += batch {
		var wanted, lines []string
		for range batch {
			labelSelector, fieldSelector, o := g.selector(g.labelRequirement), "", g.object()
			switch g.IntN(3) {
			case 0:
				labelSelector, fieldSelector = "", g.selector(g.fieldRequirement)
			case 1:
				fieldSelector = g.selector(g.fieldRequirement)
			}
			wanted = append(wanted, answer(labelSelector, fieldSelector, o))
			lines = append(lines, strings.Join([]string{quoted(labelSelector), quoted(fieldSelector),
				quoted(o.name), quoted(o.namespace), quotedValues(o.labels), quotedValues(o.fields)}, "\t"))
		}
		go io.WriteString(m.in, strings.Join(lines, "\n")+"\n")
		for i, want := range wanted {
			counts[want]++
			if !m.out.Scan() {
				t.Fatalf("the matcher ended: %v", m.out.Err())
			}
			if got := m.out.Text(); got != want {
				differences++
				t.Errorf("kubase says %q, apimachinery %q: %s", got, want, lines[i])
			}
		}
	}
	if err := m.in.Close(); err != nil {
		t.Error(err)
	}
	if err := m.command.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("%v", counts)
	for _, kind := range []string{"match", "no", "refused"} {
		if counts[kind] < *pairs/20 {
			t.Errorf("too few pairs with the answer %q: %v", kind, counts)
		}
	}
}
