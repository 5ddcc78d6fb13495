package reference

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
)

// Normalise takes from a reply of a server what the reference does not tell: all of the header but
// the revision, and the headers inside of a transaction's reply. It changes the reply.
func Normalise(reply proto.Message) proto.Message {
	setHeader(reply, Revision(reply))
	if txn, is := reply.(*pb.TxnResponse); is {
		dropHeaders(txn)
	}
	return reply
}

// Revision is that of a reply's header.
func Revision(reply proto.Message) int64 {
	with, has := reply.(interface{ GetHeader() *pb.ResponseHeader })
	if !has {
		return 0
	}
	return with.GetHeader().GetRevision()
}

func dropHeaders(reply *pb.TxnResponse) {
	for _, operation := range reply.Responses {
		switch response := operation.Response.(type) {
		case *pb.ResponseOp_ResponseRange:
			response.ResponseRange.Header = nil
		case *pb.ResponseOp_ResponsePut:
			response.ResponsePut.Header = nil
		case *pb.ResponseOp_ResponseDeleteRange:
			response.ResponseDeleteRange.Header = nil
		case *pb.ResponseOp_ResponseTxn:
			response.ResponseTxn.Header = nil
			dropHeaders(response.ResponseTxn)
		}
	}
}

func setHeader(reply proto.Message, revision int64) {
	header := &pb.ResponseHeader{Revision: revision}
	switch r := reply.(type) {
	case *pb.RangeResponse:
		r.Header = header
	case *pb.PutResponse:
		r.Header = header
	case *pb.DeleteRangeResponse:
		r.Header = header
	case *pb.TxnResponse:
		r.Header = header
	case *pb.CompactionResponse:
		r.Header = header
	case *pb.LeaseGrantResponse:
		r.Header = header
	case *pb.LeaseRevokeResponse:
		r.Header = header
	}
}
