package load

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"kubase/bench/load/internal/resource"
)

const (
	// ValueBytes is the size of each value.
	ValueBytes = 1024

	prefix    = "/registry/bench.kubase.dev/items/default/"
	prefixEnd = "/registry/bench.kubase.dev/items/default0"
	// stride leaves room between the numbers of neighbouring keys, for others to be created there.
	stride = 16

	// The time of sending stands at the start of a value, so that a watcher finds it without
	// reading the rest.
	sentAt     = len(`{"sent":"`)
	sentDigits = 19
)

// Keys are the keys of one server that a scenario works on, with the newest revision of each. A key
// belongs to one worker, so that nothing needs a lock.
type Keys struct {
	prefix    string
	number    func(i int) int         // of key i, which stands in its name
	object    func(number int) []byte // makes the values, if they are objects
	order     []int32                 // a random order of the keys
	revisions []int64                 // by position in that order; 0: the key does not exist
}

// NewKeys are count keys in a random order that is the same for each server and run.
func NewKeys(count int) *Keys {
	return newKeys(count, func(i int) int { return i * stride })
}

// Between are count keys that lie between these, evenly over the whole range.
func (k *Keys) Between(count int) *Keys {
	step := max(1, k.Len()/count)
	return newKeys(count, func(i int) int { return i*step*stride + stride/2 })
}

// NewObjects are the keys of the objects of a kind, from number first, with one of the functions of
// the kind as their maker.
func NewObjects(kind resource.Kind, object func(number int) []byte, first, count int) *Keys {
	keys := newKeys(count, func(i int) int { return first + i })
	keys.prefix, keys.object = kind.KeyPrefix(), object
	return keys
}

func newKeys(count int, number func(i int) int) *Keys {
	keys := &Keys{
		prefix: prefix, number: number, order: make([]int32, count), revisions: make([]int64, count),
	}
	for i := range keys.order {
		keys.order[i] = int32(i)
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(count, func(i, j int) {
		keys.order[i], keys.order[j] = keys.order[j], keys.order[i]
	})
	return keys
}

// Len is the number of the keys.
func (k *Keys) Len() int { return len(k.order) }

// name is the key at a position in the random order.
func (k *Keys) name(position int) []byte { return k.sorted(int(k.order[position])) }

// sorted is key i in the order of the names.
func (k *Keys) sorted(i int) []byte {
	return append([]byte(k.prefix), resource.Name(k.number(i))...)
}

// value is what a worker writes at a position of the random order.
func (k *Keys) value(w *worker, position int) []byte {
	if k.object != nil {
		return k.object(k.number(int(k.order[position])))
	}
	stamp(w.value)
	return w.value
}

// share is how many of the positions worker, worker+workers, … there are.
func (k *Keys) share(worker, workers int) int {
	return max(0, (k.Len()-worker+workers-1)/workers)
}

// epoch is what the times in values count from.
var epoch = time.Now()

// newValue is a value like that of a custom resource, of ValueBytes, without a time.
func newValue(random *rand.Rand) []byte {
	value := fmt.Appendf(nil, `{"sent":"%0*d","kind":"Item","data":"`, sentDigits, 0)
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	for len(value) < ValueBytes-len(`"}`) {
		value = append(value, letters[random.IntN(len(letters))])
	}
	return append(value, `"}`...)
}

// stamp writes the present time into a value.
func stamp(value []byte) {
	rest := time.Since(epoch).Nanoseconds()
	for at := sentAt + sentDigits - 1; at >= sentAt; at-- {
		value[at] = byte('0' + rest%10)
		rest /= 10
	}
}

// age is how long ago a value was stamped.
func age(value []byte) (time.Duration, error) {
	if len(value) < sentAt+sentDigits {
		return 0, fmt.Errorf("a value of %d bytes", len(value))
	}
	sent, err := strconv.ParseInt(string(value[sentAt:sentAt+sentDigits]), 10, 64)
	return time.Since(epoch) - time.Duration(sent), err
}
