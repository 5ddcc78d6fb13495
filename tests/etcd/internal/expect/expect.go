// Package expect holds the checks that the tests of the etcd API share. Each reports the place of
// its caller; those that guard what follows end the test.
package expect

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
)

// OK ends the test when err is not nil.
func OK(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// Error checks the gRPC code and the exact text of an error: clients compare both.
func Error(t testing.TB, err error, code codes.Code, text string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %v %q", code, text)
		return
	}
	s := status.Convert(err)
	if s.Code() != code || s.Message() != text {
		t.Errorf("error is %v %q, want %v %q", s.Code(), s.Message(), code, text)
	}
}

// Code checks only the gRPC code, where the text belongs to the gRPC library.
func Code(t testing.TB, err error, code codes.Code) {
	t.Helper()
	if got := status.Code(err); got != code {
		t.Errorf("error is %v (%v), want code %v", got, err, code)
	}
}

// Equal compares two values; messages are compared as protobuf does.
func Equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
}

// True reports a condition that does not hold.
func True(t testing.TB, condition bool, format string, args ...any) {
	t.Helper()
	if !condition {
		t.Errorf(format, args...)
	}
}
