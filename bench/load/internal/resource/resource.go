// Package resource makes custom resources in the form in which kube-apiserver stores them, and the
// definitions of their kinds.
package resource

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

const (
	// Namespace holds all objects.
	Namespace = "bench"
	// CommonLabel is on all objects that have labels.
	CommonLabel = "app=bench"
	// ObjectBytes is the size of each object, with labels or without.
	ObjectBytes = 1024

	group = "bench.kubase.dev"
)

// Kind is a kind of custom resources.
type Kind struct {
	// Singular is the lower-case name of one, such as "item".
	Singular string
}

// Plural is the name of the kind in paths.
func (k Kind) Plural() string { return k.Singular + "s" }

// ObjectPath is where kube-apiserver serves object number.
func (k Kind) ObjectPath(number int) string { return k.Path() + "/" + Name(number) }

// Path is where kube-apiserver serves the objects.
func (k Kind) Path() string {
	return fmt.Sprintf("/apis/%s/v1/namespaces/%s/%s", group, Namespace, k.Plural())
}

// KeyPrefix is what stands before the names of the objects in their keys.
func (k Kind) KeyPrefix() string {
	return fmt.Sprintf("/registry/%s/%s/%s/", group, k.Plural(), Namespace)
}

// camelCase is the name of the kind in objects.
func (k Kind) camelCase() string { return strings.ToUpper(k.Singular[:1]) + k.Singular[1:] }

// Name is the name of object number; their order is that of the numbers.
func Name(number int) string { return fmt.Sprintf("item-%09d", number) }

// SerialLabel selects object number alone, by a label.
func SerialLabel(number int) string { return "serial=" + serial(number) }

// SerialField selects object number alone, by a selectable field.
func SerialField(number int) string { return "spec.serial=" + serial(number) }

func serial(number int) string { return fmt.Sprintf("s%09d", number) }

// Object is object number with five labels, of which one is its own and one is on all.
func (k Kind) Object(number int) []byte {
	return k.object(number, k.labels(number))
}

func (k Kind) labels(number int) string {
	return fmt.Sprintf(`"labels":{"app":"bench","owner":"owner-%03d",`+
		`"serial":"%s","tier":"tier-%d","zone":"zone-%d"},`,
		number%1000, serial(number), number%4, number%10)
}

// Unlabelled is object number without labels; it is as large as others.
func (k Kind) Unlabelled(number int) []byte { return k.object(number, "") }

// Reference is an object that others name as their owner.
type Reference struct {
	Kind   Kind
	Number int
	UID    string
}

// Dependent is object number, like those of Object, with an owner.
func (k Kind) Dependent(number int, owner Reference) []byte {
	return k.object(number, k.labels(number)+fmt.Sprintf(`"ownerReferences":[{"apiVersion":"%s/v1",`+
		`"kind":"%s","name":"%s","uid":"%s"}],`, group, owner.Kind.camelCase(), Name(owner.Number),
		owner.UID))
}

// filler pads the objects; no store compresses its values.
var filler = letters(ObjectBytes)

func (k Kind) object(number int, metadata string) []byte {
	object := fmt.Appendf(make([]byte, 0, ObjectBytes), `{"apiVersion":"%s/v1","kind":"%s",`+
		`"metadata":{"creationTimestamp":"2026-01-01T00:00:00Z","generation":1,%s"name":"%s",`+
		`"namespace":"%s","uid":"00000000-0000-4000-8000-%012x"},"spec":{"data":"`,
		group, k.camelCase(), metadata, Name(number), Namespace, number)
	end := fmt.Sprintf(`","serial":"%s"}}`+"\n", serial(number))
	object = append(object, filler[:ObjectBytes-len(object)-len(end)]...)
	return append(object, end...)
}

func letters(count int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	random := rand.New(rand.NewPCG(1, 1))
	text := make([]byte, count)
	for i := range text {
		text[i] = alphabet[random.IntN(len(alphabet))]
	}
	return string(text)
}
