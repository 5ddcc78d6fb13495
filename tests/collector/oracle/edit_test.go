// Package oracle compares what kubase reads from stored objects, and what it changes in them, with
// Kubernetes' own types and codecs.
package oracle

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
)

var (
	objects = flag.Int("objects", 20_000, "random objects")
	seed    = flag.Uint64("seed", 1, "of the random objects")

	scheme         = runtime.NewScheme()
	protobufCodec  = protobuf.NewSerializer(scheme, scheme)
	jsonCodec      = kjson.NewSerializerWithOptions(kjson.DefaultMetaFactory, scheme, scheme, kjson.SerializerOptions{})
	toBuildScheme  = runtime.SchemeBuilder{corev1.AddToScheme, appsv1.AddToScheme}
	differencesMax = 10
)

// outcomes that have to be among those of each encoding, or the test compares too little.
var outcomes = []string{"changed", "changed, mutated", "refused by both, mutated", "left to Kubernetes, mutated"}

// question is a stored value and a change, for both sides.
type question struct {
	encoding string
	codec    runtime.Decoder
	value    []byte
	edit     edit
	mutated  bool // so that neither side has to read it
}

// text is a string that need not be UTF-8.
type text string

func (x *text) UnmarshalText(digits []byte) error {
	decoded, err := hex.DecodeString(string(digits))
	*x = text(decoded)
	return err
}

// owner and metadata are what edit_lines answers.
type owner struct {
	APIVersion, Kind, Name, UID text
	Blocks                      bool
}

type metadata struct {
	UID                                text
	SkipsCaching                       bool
	Owners                             []owner
	Finalizers                         []text
	Generation                         int64
	DeletionTime, DeletionGraceSeconds *int64
}

type answer struct {
	Metadata *metadata
	Value    *text
}

func metadataOf(object runtime.Object) (metadata, error) {
	accessor, err := meta.Accessor(object)
	if err != nil {
		return metadata{}, err
	}
	_, skips := accessor.GetLabels()[skipLabel]
	result := metadata{UID: text(accessor.GetUID()), SkipsCaching: skips, Owners: []owner{}, Finalizers: []text{},
		Generation: accessor.GetGeneration(), DeletionGraceSeconds: accessor.GetDeletionGracePeriodSeconds()}
	if deleted := accessor.GetDeletionTimestamp(); deleted != nil {
		seconds := deleted.Unix()
		result.DeletionTime = &seconds
	}
	for _, o := range accessor.GetOwnerReferences() {
		blocks := o.BlockOwnerDeletion != nil && *o.BlockOwnerDeletion
		result.Owners = append(result.Owners,
			owner{text(o.APIVersion), text(o.Kind), text(o.Name), text(o.UID), blocks})
	}
	for _, finalizer := range accessor.GetFinalizers() {
		result.Finalizers = append(result.Finalizers, text(finalizer))
	}
	return result, nil
}

func encoded(t *testing.T, encoder runtime.Encoder, object runtime.Object) []byte {
	t.Helper()
	value, err := runtime.Encode(encoder, object)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func (g generator) question(t *testing.T) question {
	t.Helper()
	q := question{mutated: g.sometimes(3)}
	switch g.IntN(3) {
	case 0:
		object := g.builtIn()
		_, isNamespace := object.(*corev1.Namespace)
		q.encoding, q.codec, q.edit = "protobuf", protobufCodec, g.edit(isNamespace)
		q.value = encoded(t, protobufCodec, object)
	case 1:
		object := g.builtIn()
		_, isNamespace := object.(*corev1.Namespace)
		q.encoding, q.codec, q.edit = "JSON", jsonCodec, g.edit(isNamespace)
		q.value = encoded(t, jsonCodec, object)
		if g.flag() {
			var indented bytes.Buffer
			if err := json.Indent(&indented, q.value, g.space(), g.space()); err != nil {
				t.Fatal(err)
			}
			q.value = indented.Bytes()
		}
	default:
		q.encoding, q.codec, q.edit = "custom", unstructured.UnstructuredJSONScheme, g.edit(true)
		q.value = g.custom()
	}
	if q.mutated && q.encoding == "protobuf" {
		q.value = g.mutatedProtobuf(q.value)
	} else if q.mutated {
		q.value = g.mutatedJSON(q.value)
	}
	return q
}

// check gives what the two sides differ in, "" for nothing, and what they made of it.
func (q question) check(a answer) (difference, outcome string) {
	object, _, err := q.codec.Decode(q.value, nil, nil)
	switch {
	case a.Metadata == nil && a.Value != nil:
		return "kubase changes what it does not read", ""
	case err != nil && !q.mutated:
		return fmt.Sprint("Kubernetes does not decode it: ", err), ""
	case err != nil && a.Metadata == nil:
		return "", "refused by both"
	case err != nil:
		return "", "refused by Kubernetes for what is not read"
	case a.Value == nil && !q.mutated:
		return "kubase does not read or change it", ""
	case a.Metadata == nil:
		return "", "left to Kubernetes"
	}
	read, err := metadataOf(object)
	if err != nil || !reflect.DeepEqual(*a.Metadata, read) {
		return fmt.Sprintf("kubase reads %+v, Kubernetes %+v, %v", *a.Metadata, read, err), ""
	}
	if a.Value == nil {
		return "", "read but not changed"
	}
	if difference := q.checkChange(object, []byte(*a.Value)); difference != "" {
		return difference, ""
	}
	return "", "changed"
}

func (q question) checkChange(object runtime.Object, changed []byte) string {
	got, _, err := q.codec.Decode(changed, nil, nil)
	if err != nil {
		return fmt.Sprintf("kubase makes of it %q, which Kubernetes does not decode: %v", changed, err)
	}
	q.edit.apply(object)
	if custom, ok := object.(*unstructured.Unstructured); ok {
		if !reflect.DeepEqual(got.(*unstructured.Unstructured).Object, custom.Object) {
			return fmt.Sprintf("kubase makes of it %q, Kubernetes %v", changed, custom.Object)
		}
	} else if !apiequality.Semantic.DeepEqual(got, object) {
		return fmt.Sprintf("kubase makes of it %q, Kubernetes %v", changed, object)
	}
	if q.encoding != "protobuf" {
		return q.checkText(changed)
	}
	if want, err := runtime.Encode(protobufCodec, object); !q.mutated && (err != nil || !bytes.Equal(changed, want)) {
		return fmt.Sprintf("kubase makes of it %q, Kubernetes %q, %v", changed, want, err)
	}
	return ""
}

// checkText compares the texts of the members that stay.
func (q question) checkText(changed []byte) string {
	if reflect.DeepEqual(q.edit, edit{}) && !bytes.Equal(changed, q.value) {
		return fmt.Sprintf("kubase makes of it %q without a change", changed)
	}
	old, err := textsOf(q.value, q.edit)
	if err != nil {
		return err.Error()
	}
	now, err := textsOf(changed, q.edit)
	if err != nil {
		return err.Error()
	}
	if !maps.EqualFunc(old, now, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
		return fmt.Sprintf("kubase makes of it %q, with other texts", changed)
	}
	return ""
}

// textsOf gives the members that the change leaves alone, of the object and its metadata.
func textsOf(value []byte, e edit) (map[string]json.RawMessage, error) {
	var root, metadata map[string]json.RawMessage
	if err := json.Unmarshal(value, &root); err != nil {
		return nil, err
	}
	if text, ok := root["metadata"]; ok {
		if err := json.Unmarshal(text, &metadata); err != nil {
			return nil, err
		}
	}
	delete(root, "metadata")
	if e.Terminates {
		delete(root, "status")
	}
	changed := e.changed()
	for name, text := range metadata {
		if !changed[name] {
			root["metadata."+name] = text
		}
	}
	return root, nil
}

type editor struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func startEditor(t *testing.T) *editor {
	t.Helper()
	path := os.Getenv("EDIT_LINES_BIN")
	if path == "" {
		t.Skip("EDIT_LINES_BIN is not set; ctest sets it")
	}
	command := exec.Command(path)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
	return &editor{in, bufio.NewReader(out)}
}

func (e *editor) ask(t *testing.T, q question) answer {
	t.Helper()
	change, err := json.Marshal(q.edit)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(e.in, "%x %s\n", q.value, change); err != nil {
		t.Fatal(err)
	}
	line, err := e.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("edit_lines ended at %q %s: %v", q.value, change, err)
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRandomObjectsAreReadAndChangedAsByKubernetes(t *testing.T) {
	t.Logf("seed %d, %d objects; repeat with -args -seed=%d -objects=%d", *seed, *objects, *seed, *objects)
	if err := toBuildScheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	e := startEditor(t)
	g := generator{rand.New(rand.NewPCG(*seed, 0))}
	counts := map[string]int{}
	differences := 0
	for left := *objects; left > 0 && differences < differencesMax; left-- {
		q := g.question(t)
		difference, outcome := q.check(e.ask(t, q))
		if difference != "" {
			differences++
			change, _ := json.Marshal(q.edit)
			t.Errorf("%s %q with %s: %s", q.encoding, q.value, change, difference)
		}
		if q.mutated {
			outcome += ", mutated"
		}
		counts[q.encoding+": "+outcome]++
	}
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%7d %s", counts[kind], kind)
	}
	for _, encoding := range []string{"protobuf", "JSON", "custom"} {
		for _, outcome := range outcomes {
			if kind := encoding + ": " + outcome; differences == 0 && counts[kind] < *objects/1000 {
				t.Errorf("too few objects that are %q", kind)
			}
		}
	}
}
