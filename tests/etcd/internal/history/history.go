// Package history records what concurrent clients of a server asked, what they were answered, and
// when, so that it can be checked afterwards.
package history

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/expect"
)

// Never is the time of a return that is not known.
const Never = time.Duration(math.MaxInt64)

// Operation is one request. Times are since the start of the history, on one monotonic clock.
type Operation struct {
	Client int
	Call   time.Duration
	// Return is when the answer came; Never when the outcome is unknown.
	Return  time.Duration
	Request proto.Message
	// Reply is the answer, normalised as the reference does; nil when there is none.
	Reply proto.Message
	// Failure is the error with which the server refused the request, else nil.
	Failure *expect.Failure
}

// Unknown tells that nobody knows whether the request was done, or will be.
func (o *Operation) Unknown() bool { return o.Reply == nil && o.Failure == nil }

// String is the operation on one line.
func (o *Operation) String() string {
	answer := "unknown"
	switch {
	case o.Reply != nil:
		answer = Short(o.Reply)
	case o.Failure != nil:
		answer = fmt.Sprintf("%v %q", o.Failure.Code, o.Failure.Text)
	}
	end := "..."
	if o.Return != Never {
		end = o.Return.String()
	}
	return fmt.Sprintf("client %d [%v %v] %s -> %s", o.Client, o.Call, end, Short(o.Request), answer)
}

// Short is a message on one line, cut when it is very long.
func Short(message proto.Message) string {
	name := string(message.ProtoReflect().Descriptor().Name())
	// A selector is in a field that etcd's types do not know.
	text := prototext.MarshalOptions{EmitUnknown: true}.Format(message)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 1500 {
		text = text[:1500] + "..."
	}
	return name + "{" + text + "}"
}

// History is a run of clients against one server with its restarts.
type History struct {
	Operations []*Operation
	Streams    []*Stream
	// Ends are the moments at which a process of the server was known to have ended: nothing that
	// was sent to it happens afterwards.
	Ends []time.Duration
	// Final is the current revision when all writers had ended, 0 when it is not known.
	Final int64
}

// Settled is the moment from which on an operation can no longer happen.
func (h *History) Settled(o *Operation) time.Duration {
	if !o.Unknown() {
		return o.Return
	}
	for _, end := range h.Ends {
		if end > o.Call {
			return end
		}
	}
	return Never
}

// Recorder collects a history. It may be used from several goroutines.
type Recorder struct {
	start time.Time
	mutex sync.Mutex
	h     History
	// values are the large ones that have come so far.
	values map[string][]byte
}

// NewRecorder starts a history, and its clock.
func NewRecorder() *Recorder {
	return &Recorder{start: time.Now(), values: map[string][]byte{}}
}

// Now is the time since the start.
func (r *Recorder) Now() time.Duration { return time.Since(r.start) }

// Add notes an operation that has ended.
func (r *Recorder) Add(operation *Operation) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.h.Operations = append(r.h.Operations, operation)
}

// AddEnd notes that a process of the server has ended.
func (r *Recorder) AddEnd() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.h.Ends = append(r.h.Ends, r.Now())
}

// NewStream starts the record of a watch stream.
func (r *Recorder) NewStream(name string) *Stream {
	s := &Stream{Name: name, recorder: r}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.h.Streams = append(r.h.Streams, s)
	return s
}

// Finish ends the history, when nobody records any more, and returns it with the operations in the
// order of their calls.
func (r *Recorder) Finish(final int64) *History {
	r.h.Final = final
	slices.SortStableFunc(r.h.Operations, func(a, b *Operation) int {
		return int(a.Call - b.Call)
	})
	return &r.h
}

// Stream is what went over one watch stream.
type Stream struct {
	Name    string
	Entries []Entry
	// Drained tells that the client read until the server had promised all up to the final
	// revision.
	Drained bool

	recorder *Recorder
	mutex    sync.Mutex
}

// Entry is one message of a stream, in the order of the client: what it sent, at the moment before
// it did, or what it received, at the moment after. A stream that ended has an entry with neither.
type Entry struct {
	At       time.Duration
	Sent     *pb.WatchRequest
	Received *pb.WatchResponse
}

// Sent notes a request that is about to be sent.
func (s *Stream) Sent(request *pb.WatchRequest) { s.add(Entry{Sent: request}) }

// Received notes a response.
func (s *Stream) Received(response *pb.WatchResponse) {
	s.add(Entry{Received: response})
	s.recorder.share(response)
}

// Ended notes that the stream has no more responses.
func (s *Stream) Ended() { s.add(Entry{}) }

func (s *Stream) add(entry Entry) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	entry.At = s.recorder.Now()
	s.Entries = append(s.Entries, entry)
}
