// Package labels makes and reads values with labels as Kubernetes stores them, and label selectors
// over them: of both just the forms that the histories send, so that what a store should select is
// decided by a few lines. What selectors mean in all their forms is tested in tests/selectors.
package labels

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// names are the labels that objects can have.
var names = []string{"app", "tier"}

// values are those of each label, few, so that objects often come into a selection and leave it.
var values = []string{"a", "b", "c", ""}

const (
	objectBegin = `{"metadata":`
	objectEnd   = `"}`
)

// RandomObject is a value that Kubernetes could store: mostly an object with labels or without,
// some that no store can read labels from. The pad is in it, and must need no quoting.
func RandomObject(random *rand.Rand, pad string) []byte {
	switch random.IntN(20) {
	case 0:
		return []byte("k8s:enc:aescbc:v1:key:" + pad)
	case 1:
		return object(`{"labels":{"app":1}}`, pad)
	case 2: // not whole
		return bytes.TrimSuffix(object(`{"labels":{"app":"a"}}`, pad), []byte(objectEnd))
	case 3:
		return object(`{}`, pad)
	case 4:
		return object(`{"labels":null}`, pad)
	}
	labels := map[string]string{}
	for _, name := range names {
		if random.IntN(4) > 0 {
			labels[name] = values[random.IntN(len(values))]
		}
	}
	text, _ := json.Marshal(map[string]any{"labels": labels}) // strings in maps always can be
	return object(string(text), pad)
}

func object(metadata, pad string) []byte {
	return fmt.Appendf(nil, `%s%s,"pad":"%s%s`, objectBegin, metadata, pad, objectEnd)
}

// of reads the labels of a value that the histories write; false when it has none to read: it is no
// object, or a malformed one. The pad is not looked at, since it can be large.
func of(value []byte) (map[string]string, bool) {
	rest, is := bytes.CutPrefix(value, []byte(objectBegin))
	if !is || !bytes.HasSuffix(value, []byte(objectEnd)) {
		return nil, false
	}
	var metadata struct{ Labels map[string]string }
	err := json.NewDecoder(bytes.NewReader(rest)).Decode(&metadata)
	return metadata.Labels, err == nil
}
