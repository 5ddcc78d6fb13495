package storedobjects

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

const corpus = "../../../tests/selectors/objects.jsonl"

var update = flag.Bool("update", false, "write the corpus instead of comparing with it")

// line is an object of the corpus, with what kube-apiserver's code says about it.
type line struct {
	What     string   `json:"what"`
	Resource string   `json:"resource"`
	Paths    []string `json:"paths,omitempty"` // of a custom resource's selectable fields
	Key      string   `json:"key"`             // without the prefix of the resource
	JSON     string   `json:"json,omitempty"`
	Protobuf string   `json:"protobuf,omitempty"` // in hexadecimal digits
	// Undecided: kubase leaves this object to kube-apiserver.
	Undecided bool              `json:"undecided,omitempty"`
	Labels    map[string]string `json:"labels"`
	Fields    map[string]string `json:"fields"` // without name and namespace
	// Definition: what a CustomResourceDefinition defines.
	Definition *definition `json:"definition,omitempty"`
}

type definition struct {
	Resource string   `json:"resource"`
	Paths    []string `json:"paths"`
}

func (l *line) setValue(mediaType string, value []byte) {
	if mediaType == runtime.ContentTypeProtobuf {
		l.Protobuf = hex.EncodeToString(value)
	} else {
		l.JSON = strings.TrimSuffix(string(value), "\n")
	}
}

func keyOf(t *testing.T, object runtime.Object) string {
	t.Helper()
	accessor, err := meta.Accessor(object)
	if err != nil {
		t.Fatal(err)
	}
	if accessor.GetNamespace() == "" {
		return accessor.GetName()
	}
	return accessor.GetNamespace() + "/" + accessor.GetName()
}

// encode gives the bytes of an object in the version that its type has, without defaults.
func encode(
	t *testing.T, scheme *runtime.Scheme, codecs runtime.NegotiatedSerializer, mediaType string, object runtime.Object,
) []byte {
	t.Helper()
	versions, _, err := scheme.ObjectKinds(object)
	if err != nil {
		t.Fatal(err)
	}
	object = object.DeepCopyObject()
	object.GetObjectKind().SetGroupVersionKind(versions[0])
	serializer, found := runtime.SerializerInfoForMediaType(codecs.SupportedMediaTypes(), mediaType)
	if !found {
		t.Fatal("no serializer for ", mediaType)
	}
	value, err := runtime.Encode(serializer.Serializer, object)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// externalVersions are those in which objects of the kind can be stored.
func (k kind) externalVersions(t *testing.T) []schema.GroupVersionKind {
	t.Helper()
	kinds, _, err := legacyscheme.Scheme.ObjectKinds(k.newFunc())
	if err != nil {
		t.Fatal(err)
	}
	var result []schema.GroupVersionKind
	for _, version := range legacyscheme.Scheme.PrioritizedVersionsForGroup(kinds[0].Group) {
		candidate := version.WithKind(kinds[0].Kind)
		if legacyscheme.Scheme.Recognizes(candidate) {
			result = append(result, candidate)
		}
	}
	return result
}

// selectable returns the fields that the API accepts in a selector for the kind, in any version.
func (k kind) selectable(t *testing.T, fields map[string]string) map[string]string {
	t.Helper()
	result := map[string]string{}
	for field, value := range fields {
		for _, version := range k.externalVersions(t) {
			name, _, err := legacyscheme.Scheme.ConvertFieldLabel(version, field, value)
			if err == nil && name == field && !strings.HasPrefix(field, "metadata.") {
				result[field] = value
			}
		}
	}
	return result
}

// describe decodes the value as kube-apiserver does and asks for the attributes.
func (k kind) describe(t *testing.T, value []byte, into *line) runtime.Object {
	t.Helper()
	decoded, _, err := k.codec.Decode(value, nil, k.newFunc())
	if err != nil {
		t.Fatalf("%s: %v", into.What, err)
	}
	labels, fields, err := k.attrs(decoded)
	if err != nil {
		t.Fatalf("%s: %v", into.What, err)
	}
	into.Labels, into.Fields = labels, k.selectable(t, fields)
	return decoded
}

// lines returns the examples of a kind in both encodings; the one with everything in each version.
func (k kind) lines(t *testing.T) []line {
	t.Helper()
	var result []line
	for _, e := range examples[k.prefix] {
		objects := []runtime.Object{e.object}
		if e.what == "everything" {
			objects = append(objects, k.inOtherVersions(t, e.object)...)
		}
		for _, object := range objects {
			for _, mediaType := range []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf} {
				value := encode(t, legacyscheme.Scheme, legacyscheme.Codecs, mediaType, object)
				l := line{What: e.what, Resource: k.name(), Key: keyOf(t, object),
					Undecided: e.undecided || reflect.TypeOf(object) == leftAlone}
				l.setValue(mediaType, value)
				k.describe(t, value, &l)
				result = append(result, l)
			}
		}
	}
	return result
}

// leftAlone is a version that decodes to more than is stored.
var leftAlone = reflect.TypeFor[*certificatesv1beta1.CertificateSigningRequest]()

func (k kind) inOtherVersions(t *testing.T, object runtime.Object) []runtime.Object {
	t.Helper()
	value := encode(t, legacyscheme.Scheme, legacyscheme.Codecs, runtime.ContentTypeProtobuf, object)
	decoded := k.describe(t, value, &line{})
	own, _, err := legacyscheme.Scheme.ObjectKinds(object)
	if err != nil {
		t.Fatal(err)
	}
	var result []runtime.Object
	for _, version := range k.externalVersions(t) {
		if version == own[0] {
			continue
		}
		converted, err := legacyscheme.Scheme.ConvertToVersion(decoded, version.GroupVersion())
		if err != nil {
			t.Fatal(err)
		}
		result = append(result, converted)
	}
	return result
}

func TestCorpusIsWhatKubeAPIServerSays(t *testing.T) {
	var lines []line
	for _, k := range storedKinds(t) {
		found := k.lines(t)
		if len(found) == 0 {
			t.Errorf("no examples of %s", k.prefix)
		}
		lines = append(lines, found...)
	}
	lines = append(lines, customLines(t)...)
	lines = append(lines, definitionLines(t)...)
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	for _, l := range lines {
		if err := encoder.Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		if err := os.WriteFile(corpus, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(corpus)
	if err != nil {
		t.Fatal(err)
	}
	if difference := firstDifference(committed, text.Bytes()); difference != "" {
		t.Errorf("%s differs, `go test ./storedobjects -update` writes it anew: %s", corpus, difference)
	}
}

func firstDifference(committed, current []byte) string {
	was, is := strings.Split(string(committed), "\n"), strings.Split(string(current), "\n")
	for i := range max(len(was), len(is)) {
		if i >= len(was) || i >= len(is) || was[i] != is[i] {
			return fmt.Sprintf("line %d", i+1)
		}
	}
	return ""
}

// A later Kubernetes may make fields of more kinds selectable. Whatever stands in a type is asked
// for, so that this does not go unseen.
func TestNoOtherKindHasSelectableFields(t *testing.T) {
	covered := map[schema.GroupKind]bool{
		{Group: "events.k8s.io", Kind: "Event"}: true, // stored as events of the core group
	}
	for _, k := range storedKinds(t) {
		for _, version := range k.externalVersions(t) {
			covered[version.GroupKind()] = true
		}
	}
	for version, goType := range legacyscheme.Scheme.AllKnownTypes() {
		if version.Version == runtime.APIVersionInternal || covered[version.GroupKind()] {
			continue
		}
		for _, field := range fieldsOf(goType, 4) {
			name, _, err := legacyscheme.Scheme.ConvertFieldLabel(version, field, "")
			if err == nil && !slices.Contains([]string{"metadata.name", "metadata.namespace"}, name) {
				t.Errorf("%s has the selectable field %s", version, field)
			}
		}
	}
}
