// Package ops builds the parts of etcd transactions, so that a test reads like the transaction it
// sends.
package ops

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Put is a put of a value without a lease.
func Put(key, value string) *pb.RequestOp {
	return PutRequest(&pb.PutRequest{Key: []byte(key), Value: []byte(value)})
}

// PutRequest is any put.
func PutRequest(request *pb.PutRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: request}}
}

// Get reads one key.
func Get(key string) *pb.RequestOp { return Range(&pb.RangeRequest{Key: []byte(key)}) }

// Range is any range.
func Range(request *pb.RangeRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: request}}
}

// Delete deletes one key, or [key, end) when end is not empty.
func Delete(key, end string) *pb.RequestOp {
	return DeleteRequest(&pb.DeleteRangeRequest{Key: []byte(key), RangeEnd: []byte(end)})
}

// DeleteRequest is any delete.
func DeleteRequest(request *pb.DeleteRangeRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: request}}
}

// Txn is a nested transaction.
func Txn(request *pb.TxnRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: request}}
}

// List puts operations in a slice.
func List(operations ...*pb.RequestOp) []*pb.RequestOp { return operations }

// If puts comparisons in a slice.
func If(comparisons ...*pb.Compare) []*pb.Compare { return comparisons }

// Compare is a comparison of one key, or of all keys in [key, end) when end is not empty.
func Compare(key, end string, target pb.Compare_CompareTarget, result pb.Compare_CompareResult,
	value int64,
) *pb.Compare {
	compare := &pb.Compare{Key: []byte(key), RangeEnd: []byte(end), Target: target, Result: result}
	switch target {
	case pb.Compare_VERSION:
		compare.TargetUnion = &pb.Compare_Version{Version: value}
	case pb.Compare_CREATE:
		compare.TargetUnion = &pb.Compare_CreateRevision{CreateRevision: value}
	case pb.Compare_MOD:
		compare.TargetUnion = &pb.Compare_ModRevision{ModRevision: value}
	case pb.Compare_LEASE:
		compare.TargetUnion = &pb.Compare_Lease{Lease: value}
	}
	return compare
}

// CompareValue compares the value of one key, or of all keys in [key, end) when end is not empty.
func CompareValue(key, end string, result pb.Compare_CompareResult, value string) *pb.Compare {
	return &pb.Compare{
		Key: []byte(key), RangeEnd: []byte(end), Target: pb.Compare_VALUE, Result: result,
		TargetUnion: &pb.Compare_Value{Value: []byte(value)},
	}
}

// Missing holds when a key does not exist.
func Missing(key string) *pb.Compare {
	return Compare(key, "", pb.Compare_VERSION, pb.Compare_EQUAL, 0)
}

// Exists holds when a key exists.
func Exists(key string) *pb.Compare {
	return Compare(key, "", pb.Compare_VERSION, pb.Compare_GREATER, 0)
}
