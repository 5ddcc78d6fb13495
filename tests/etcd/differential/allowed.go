package differential

import (
	"google.golang.org/protobuf/proto"
)

// allowance is one difference from etcd that is meant. This file is the whole list of them.
type allowance struct {
	reason string
	// applies tells whether the two answers differ in this way only.
	applies func(operation proto.Message, etcd, ours outcome) bool
}

var allowances = []allowance{}

// allowed returns the reason why a difference is meant, or nothing.
func allowed(operation proto.Message, etcd, ours outcome) string {
	for _, a := range allowances {
		if a.applies(operation, etcd, ours) {
			return a.reason
		}
	}
	return ""
}
