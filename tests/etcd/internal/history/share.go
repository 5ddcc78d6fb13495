package history

import (
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// sharedBytes is the size from which on equal values are kept once only: the same large value comes
// back in many reads and on many watches.
const sharedBytes = 4096

// share lets a reply use the memory of values that came before.
func (r *Recorder) share(reply proto.Message) {
	switch m := reply.(type) {
	case *pb.RangeResponse:
		r.shareValues(m.Kvs...)
	case *pb.PutResponse:
		r.shareValues(m.PrevKv)
	case *pb.DeleteRangeResponse:
		r.shareValues(m.PrevKvs...)
	case *pb.WatchResponse:
		for _, event := range m.Events {
			r.shareValues(event.Kv, event.PrevKv)
		}
	}
}

func (r *Recorder) shareValues(kvs ...*mvccpb.KeyValue) {
	for _, kv := range kvs {
		if kv == nil || len(kv.Value) < sharedBytes {
			continue
		}
		r.mutex.Lock()
		if known, is := r.values[string(kv.Value)]; is {
			kv.Value = known
		} else {
			r.values[string(kv.Value)] = kv.Value
		}
		r.mutex.Unlock()
	}
}
