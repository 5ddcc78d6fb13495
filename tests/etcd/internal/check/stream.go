package check

import (
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/history"
	"kubase/tests/etcd/internal/labels"
)

// streamCheck follows one stream from its first message to its last.
type streamCheck struct {
	history     *history.History
	stream      *history.Stream
	log         *Log
	timeline    *timeline
	compactions compactions
	options     Options
	faults      *faults

	pending  []*watch         // create requests without an answer, the oldest first
	live     map[int64]*watch // by id
	canceled map[int64]bool   // the ids for which the client sent a cancel request
	asked    int              // requests for progress
	answered int              // progress of the whole stream
	report   *Report
}

func (s *streamCheck) run() {
	s.report.Responses += len(s.stream.Entries)
	for _, entry := range s.stream.Entries {
		switch {
		case entry.Sent != nil:
			s.sent(entry)
		case entry.Received != nil:
			s.received(entry)
		}
	}
	if s.stream.Drained {
		s.finish()
	}
}

func (s *streamCheck) sent(entry history.Entry) {
	switch request := entry.Sent.RequestUnion.(type) {
	case *pb.WatchRequest_CreateRequest:
		s.report.Watches++
		if labels.SelectorOf(request.CreateRequest) != "" {
			s.report.SelectingWatches++
		}
		s.pending = append(s.pending, s.newWatch(request.CreateRequest, entry.At))
	case *pb.WatchRequest_CancelRequest:
		s.canceled[request.CancelRequest.WatchId] = true
	case *pb.WatchRequest_ProgressRequest:
		s.asked++
	}
}

func (s *streamCheck) received(entry history.Entry) {
	response := entry.Received
	if revision := response.Header.GetRevision(); revision > s.log.Last() {
		s.fault(response, "has a revision that never was; the last is %d", s.log.Last())
	}
	switch {
	case response.Created:
		s.created(response)
	case response.Canceled || response.CompactRevision != 0:
		s.ended(entry)
	case len(response.Events) == 0:
		s.progress(response)
	default:
		w := s.live[response.WatchId]
		if w == nil {
			s.fault(response, "is for a watch that does not exist")
			return
		}
		w.events(entry)
	}
}

func (s *streamCheck) created(response *pb.WatchResponse) {
	if len(s.pending) == 0 {
		s.fault(response, "answers no create request")
		return
	}
	w := s.pending[0]
	s.pending = s.pending[1:]
	switch {
	case response.Canceled || response.WatchId < 0 || len(response.Events) > 0:
		s.fault(response, "refuses %s", history.Short(w.request))
	case s.live[response.WatchId] != nil:
		s.fault(response, "takes the id of another watch")
	case w.request.WatchId != 0 && w.request.WatchId != response.WatchId:
		s.fault(response, "has another id than %s", history.Short(w.request))
	default:
		s.live[response.WatchId] = w
		delete(s.canceled, response.WatchId)
		w.announce(response)
	}
}

// ended is a watch that is over: because the client asked for it, or by compaction.
func (s *streamCheck) ended(entry history.Entry) {
	response := entry.Received
	w := s.live[response.WatchId]
	if w == nil {
		// etcd answers the client that ends a watch after compaction has.
		if !s.canceled[response.WatchId] {
			s.fault(response, "ends a watch that does not exist")
		}
		return
	}
	delete(s.live, response.WatchId)
	if response.CompactRevision != 0 {
		s.report.Overtaken++
	}
	possible := s.compactions.possible(entry.At, nil)
	switch {
	case len(response.Events) > 0 || response.Fragment:
		w.fault(response, "ends a watch and has events")
	case response.CompactRevision == 0 && !s.canceled[response.WatchId]:
		w.fault(response, "ends a watch that nobody canceled")
	case response.CompactRevision != 0 && response.CompactRevision > possible:
		w.fault(response, "names a compaction that nobody asked for; the highest is %d", possible)
	case response.CompactRevision != 0 && response.CompactRevision <= w.needed:
		w.fault(response, "is no reason to end a watch that goes on from %d", w.needed)
	}
}

// progress promises for one watch, or for all of the stream, that everything up to a revision was
// sent.
func (s *streamCheck) progress(response *pb.WatchResponse) {
	s.report.Progress++
	if response.Header.GetRevision() <= 0 {
		s.fault(response, "is progress without a revision")
		return
	}
	if response.WatchId == -1 {
		if s.answered++; s.answered > s.asked {
			s.fault(response, "is progress that nobody asked for")
		}
		for id, w := range s.live {
			if !s.canceled[id] {
				w.progress(response)
			}
		}
		return
	}
	w := s.live[response.WatchId]
	switch {
	case w == nil:
		s.fault(response, "is progress of a watch that does not exist")
	case !w.request.ProgressNotify:
		w.fault(response, "is progress that the watch did not ask for")
	default:
		w.progress(response)
	}
}

// finish checks that every watch of a stream that was read to the end has got there.
func (s *streamCheck) finish() {
	for id, w := range s.live {
		if w.needed <= s.history.Final && !w.broken && !s.canceled[id] {
			w.fault(nil, "watch %d came only to revision %d of %d", id, w.needed-1, s.history.Final)
		}
	}
	if len(s.pending) > 0 {
		s.fault(nil, "%d create requests were not answered", len(s.pending))
	}
}

func (s *streamCheck) fault(response *pb.WatchResponse, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if response != nil {
		text = history.Short(response) + "\n" + text
	}
	s.faults.add("stream %s: %s", s.stream.Name, text)
}
