package expect

import (
	"testing"

	"google.golang.org/grpc/codes"
)

// Failure is an error of the etcd API as it is on the wire.
type Failure struct {
	Code codes.Code
	Text string
}

// The errors of etcd that clients find by code and text. They are written out, and not taken from
// etcd's packages, because their exact text is the contract.
var (
	Compacted = Failure{
		codes.OutOfRange,
		"etcdserver: mvcc: required revision has been compacted",
	}
	FutureRevision = Failure{
		codes.OutOfRange,
		"etcdserver: mvcc: required revision is a future revision",
	}
	EmptyKey      = Failure{codes.InvalidArgument, "etcdserver: key is not provided"}
	KeyNotFound   = Failure{codes.InvalidArgument, "etcdserver: key not found"}
	ValueProvided = Failure{codes.InvalidArgument, "etcdserver: value is provided"}
	LeaseProvided = Failure{codes.InvalidArgument, "etcdserver: lease is provided"}
	TooManyOps    = Failure{
		codes.InvalidArgument,
		"etcdserver: too many operations in txn request",
	}
	DuplicateKey = Failure{
		codes.InvalidArgument,
		"etcdserver: duplicate key given in txn request",
	}
	InvalidSort     = Failure{codes.InvalidArgument, "etcdserver: invalid sort option"}
	RequestTooLarge = Failure{codes.InvalidArgument, "etcdserver: request is too large"}
	LeaseNotFound   = Failure{codes.NotFound, "etcdserver: requested lease not found"}
	LeaseExists     = Failure{codes.FailedPrecondition, "etcdserver: lease already exists"}
	LeaseTTLTooBig  = Failure{codes.OutOfRange, "etcdserver: too large lease TTL"}
	NoSpace         = Failure{codes.ResourceExhausted, "etcdserver: mvcc: database space exceeded"}
	TimedOut        = Failure{codes.Unavailable, "etcdserver: request timed out"}
)

// Fails checks that err is exactly this failure.
func Fails(t testing.TB, err error, want Failure) {
	t.Helper()
	Error(t, err, want.Code, want.Text)
}
