package model

import (
	"fmt"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/labels"
)

// Matches tells whether a watch of this request gets this event, its start apart. The event has its
// previous value, whether the request asked for it or not: with a selector the value before or
// after has to match.
func Matches(request *pb.WatchCreateRequest, event *mvccpb.Event) bool {
	if !isWanted(request, event) {
		return false
	}
	selector := labels.SelectorOf(request)
	return selector == "" || isPut(event) && labels.Matches(selector, event.Kv.Value) ||
		event.PrevKv != nil && labels.Matches(selector, event.PrevKv.Value)
}

// MatchesForgotten is Matches for a store that has lost the previous value to a compaction. What
// cannot be read might match.
func MatchesForgotten(request *pb.WatchCreateRequest, event *mvccpb.Event) bool {
	return Matches(request, event) || event.PrevKv != nil && isWanted(request, event)
}

// isWanted tells what key, range and filters say.
func isWanted(request *pb.WatchCreateRequest, event *mvccpb.Event) bool {
	if !InRange(string(event.Kv.Key), string(request.Key), string(request.RangeEnd)) {
		return false
	}
	filter := pb.WatchCreateRequest_NOPUT
	if !isPut(event) {
		filter = pb.WatchCreateRequest_NODELETE
	}
	return !slices.Contains(request.Filters, filter)
}

func isPut(event *mvccpb.Event) bool { return event.Type == mvccpb.Event_PUT }

// InRange tells whether a key is selected by a key and a range end as requests have them.
func InRange(key, begin, end string) bool {
	switch end {
	case "":
		return key == begin
	case "\x00":
		return key >= begin
	default:
		return key >= begin && key < end
	}
}

// CheckWatch compares what one watch received with what it had to receive: every event of its range
// with revision in [first, last], in order, once, whole revisions in one response (or in marked
// fragments), the right previous values, and no progress response before all that it promises.
// events is from Replay; the responses are those of this watch, and progress responses of its
// stream.
func CheckWatch(request *pb.WatchCreateRequest, first, last int64, responses []*pb.WatchResponse,
	events []*mvccpb.Event,
) error {
	want := []*mvccpb.Event{}
	for _, event := range events {
		if event.Kv.ModRevision >= first && event.Kv.ModRevision <= last &&
			Matches(request, event) {
			want = append(want, expected(request, event))
		}
	}
	position, finished, fragment := 0, first-1, false
	for number, response := range responses {
		if err := checkRevisions(response, finished, fragment); err != nil {
			return fmt.Errorf("response %d: %w", number, err)
		}
		for _, event := range response.Events {
			if position == len(want) {
				return fmt.Errorf("response %d: more events than happened: %v", number, event)
			}
			if !proto.Equal(event, want[position]) {
				return fmt.Errorf("response %d: event %d is\n%v, want\n%v", number, position, event,
					want[position])
			}
			position++
			finished = event.Kv.ModRevision
		}
		if len(response.Events) == 0 && position < len(want) &&
			want[position].Kv.ModRevision <= response.Header.Revision {
			return fmt.Errorf("response %d: progress %d before the event %v", number,
				response.Header.Revision, want[position])
		}
		fragment = response.Fragment
	}
	if position < len(want) {
		return fmt.Errorf("%d of %d events are missing, the first is %v", len(want)-position,
			len(want), want[position])
	}
	return nil
}

// expected is the event as this request asked for it.
func expected(request *pb.WatchCreateRequest, event *mvccpb.Event) *mvccpb.Event {
	if request.PrevKv {
		return event
	}
	return &mvccpb.Event{Type: event.Type, Kv: event.Kv}
}

// checkRevisions checks that a response begins after the last whole revision, unless the one before
// it was a fragment, and that its header is not older than its events.
func checkRevisions(response *pb.WatchResponse, finished int64, fragment bool) error {
	if len(response.Events) == 0 {
		if response.Header.GetRevision() < finished {
			return fmt.Errorf("progress %d after events of revision %d",
				response.Header.GetRevision(), finished)
		}
		return nil
	}
	if begin := response.Events[0].Kv.ModRevision; begin <= finished && !fragment {
		return fmt.Errorf("revision %d goes on in another response, after %d", begin, finished)
	}
	end := response.Events[len(response.Events)-1].Kv.ModRevision
	if response.Header.GetRevision() < end {
		return fmt.Errorf("header revision %d is older than the event of %d",
			response.Header.GetRevision(), end)
	}
	return nil
}
