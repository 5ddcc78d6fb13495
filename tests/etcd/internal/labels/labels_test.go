package labels

import (
	"math/rand/v2"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
)

func TestMatches(t *testing.T) {
	t.Parallel()
	front := string(object(`{"labels":{"app":"a","tier":""}}`, "c1-1"))
	bare := string(object(`{}`, "c1-2"))
	for _, test := range []struct {
		selector, value string
		want            bool
	}{
		{"app", front, true},
		{"app", bare, false},
		{"!app", front, false},
		{"!app", bare, true},
		{"app=a", front, true},
		{"app=b", front, false},
		{"app=a", bare, false},
		{"tier=", front, true},
		{"tier=", bare, false},
		{"app!=a", front, false},
		{"app!=b", front, true},
		{"app!=a", bare, true},
		{"app in (b,a)", front, true},
		{"tier in (,b)", front, true},
		{"app in (b,c)", front, false},
		{"app in (b,)", bare, false},
		{"app notin (a)", front, false},
		{"app notin (b,c)", front, true},
		{"app notin (a,b)", bare, true},
		{"app=a, tier=", front, true},
		{"app=a, tier", bare, false},
		{"app=a, tier!=", front, false},
		{"app=b", string(object(`{"labels":null}`, "")), false},
		{"app=b", string(object(`{"labels":{"app":1}}`, "")), true},
		{"app=b", front[:len(front)-1], true},
		{"app=b", "[1]", true},
		{"app=b", "k8s:enc:aescbc:v1:key:x", true},
		{"app=b", "", true},
	} {
		if Matches(test.selector, []byte(test.value)) != test.want {
			t.Errorf("%q of %q is not %v", test.selector, test.value, test.want)
		}
	}
}

// A selector goes over the wire, and with the copies that resume a watch.
func TestSelectorsSurvive(t *testing.T) {
	t.Parallel()
	for _, request := range []proto.Message{
		&pb.RangeRequest{Key: []byte("k"), Limit: 3}, &pb.WatchCreateRequest{Key: []byte("k")},
	} {
		if selector := SelectorOf(request); selector != "" {
			t.Errorf("%v: %q", request, selector)
		}
		Select(request, "app in (a,b)")
		bytes, err := proto.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		received := request.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(bytes, received); err != nil {
			t.Fatal(err)
		}
		for _, copied := range []proto.Message{received, proto.Clone(request)} {
			if selector := SelectorOf(copied); selector != "app in (a,b)" {
				t.Errorf("%v: %q", copied, selector)
			}
		}
	}
}

// Random selectors tell random objects apart, and find those whose labels cannot be read.
func TestRandomOnesMatchSometimes(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	const tries = 20_000
	matching, unreadable := 0, 0
	for range tries {
		value := RandomObject(random, "c1-1")
		if Matches(RandomSelector(random), value) {
			matching++
		}
		if _, readable := of(value); !readable {
			unreadable++
		}
	}
	if matching < tries/5 || matching > tries/5*4 || unreadable < tries/20 ||
		unreadable > tries/4 {
		t.Errorf("%d match, %d cannot be read", matching, unreadable)
	}
}
