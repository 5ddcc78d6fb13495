package kv

import (
	"fmt"
	"math"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
)

func TestRangeEnds(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	for _, key := range []string{"a", "a/", "a/1", "a/2", "a0", "b", "c\xff", "d"} {
		c.Put(key, "v")
	}
	cases := []struct {
		name, key, end string
		want           []string
	}{
		{"one key", "a/1", "", []string{"a/1"}},
		{"one key that is missing", "a/3", "", []string{}},
		{"a key that is a prefix of others", "a", "", []string{"a"}},
		{"a prefix", "a/", "a0", []string{"a/", "a/1", "a/2"}},
		{"the end is excluded", "a/1", "a/2", []string{"a/1"}},
		{"everything from a key", "b", "\x00", []string{"b", "c\xff", "d"}},
		{"everything", "\x00", "\x00", []string{"a", "a/", "a/1", "a/2", "a0", "b", "c\xff", "d"}},
		{"key and end equal", "b", "b", []string{}},
		{"the end before the key", "d", "a", []string{}},
		{"an end above all keys", "c", "\xff", []string{"c\xff", "d"}},
		{"an end of two zero bytes", "\x00", "\x00\x00", []string{}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			request := &pb.RangeRequest{Key: []byte(test.key), RangeEnd: []byte(test.end)}
			response := c.Range(request)
			expect.Equal(t, "keys", keysOf(response), test.want)
			expect.Equal(t, "count", response.Count, int64(len(test.want)))
			expect.Equal(t, "more", response.More, false)
			expect.Equal(t, "revision", response.Header.Revision, 9)
		})
	}
}

// rangeFixture holds k1..k6 with distinct orders of version, creation, modification and value:
// create k1 < k2 < … < k6; mod k2 < k4 < k5 < k6 < k3 < k1; version k1 3, k3 2, others 1.
func rangeFixture(t *testing.T) *server.Client {
	c := server.Start(t).Client(t)
	for i, value := range []string{"m", "z", "a", "q", "b", "y"} {
		c.Put(fmt.Sprintf("k%d", i+1), value) // revisions 2 to 7
	}
	c.Put("k1", "n") // 8
	c.Put("k3", "c") // 9
	c.Put("k1", "o") // 10
	return c
}

type options = pb.RangeRequest

const (
	asc, desc          = pb.RangeRequest_ASCEND, pb.RangeRequest_DESCEND
	byMod, byCreate    = pb.RangeRequest_MOD, pb.RangeRequest_CREATE
	byVersion, byValue = pb.RangeRequest_VERSION, pb.RangeRequest_VALUE

	// What a range over the fixture has when nothing is left out.
	all, everything = 6, "k1 k2 k3 k4 k5 k6"
)

var rangeOptions = []struct {
	name    string
	options *options
	want    string
	count   int64
	more    bool
}{
	{"limit", &options{Limit: 2}, "k1 k2", all, true},
	{"limit equal to the number of keys", &options{Limit: 6}, everything, all, false},
	{"limit above", &options{Limit: 100}, everything, all, false},
	{"largest limit", &options{Limit: math.MaxInt64}, everything, all, false},
	{"negative limit is no limit", &options{Limit: -1}, everything, all, false},
	{"count only", &options{CountOnly: true}, "", all, false},
	{"count only with a limit", &options{CountOnly: true, Limit: 1}, "", all, false},
	{"count only of an old revision", &options{CountOnly: true, Revision: 4}, "", 3, false},
	{"keys only with a limit", &options{KeysOnly: true, Limit: 3}, "k1 k2 k3", all, true},
	{"old revision with a limit", &options{Revision: 4, Limit: 2}, "k1 k2", 3, true},
	{"ascending keys", &options{SortOrder: asc}, everything, all, false},
	{"descending keys", &options{SortOrder: desc}, "k6 k5 k4 k3 k2 k1", all, false},
	{"descending keys with a limit", &options{SortOrder: desc, Limit: 2}, "k6 k5", all, true},
	{
		"ascending modification",
		&options{SortOrder: asc, SortTarget: byMod},
		"k2 k4 k5 k6 k3 k1", all, false,
	},
	{
		"descending modification with a limit",
		&options{SortOrder: desc, SortTarget: byMod, Limit: 1},
		"k1", all, true,
	},
	{
		"descending creation",
		&options{SortOrder: desc, SortTarget: byCreate, Limit: 2},
		"k6 k5", all, true,
	},
	{
		"ascending creation",
		&options{SortOrder: asc, SortTarget: byCreate, Limit: 2},
		"k1 k2", all, true,
	},
	{
		"descending version with a limit",
		&options{SortOrder: desc, SortTarget: byVersion, Limit: 2},
		"k1 k3", all, true,
	},
	{
		"ascending value",
		&options{SortOrder: asc, SortTarget: byValue},
		"k5 k3 k1 k4 k6 k2", all, false,
	},
	{
		"descending value with a limit",
		&options{SortOrder: desc, SortTarget: byValue, Limit: 3},
		"k2 k6 k4", all, true,
	},
	{
		"value order of keys only",
		&options{SortOrder: desc, SortTarget: byValue, Limit: 2, KeysOnly: true},
		"k2 k6", all, true,
	},
	{"a target without an order", &options{SortTarget: byMod}, "k2 k4 k5 k6 k3 k1", all, false},
	{
		// etcd takes one more than the limit in the order of the keys, and then sorts.
		"a target without an order, with a limit",
		&options{SortTarget: byMod, Limit: 2},
		"k2 k3", all, true,
	},
	{"smallest modification", &options{MinModRevision: 7}, "k1 k3 k6", all, false},
	{"largest modification", &options{MaxModRevision: 5}, "k2 k4", all, false},
	{
		"both bounds of modification",
		&options{MinModRevision: 5, MaxModRevision: 7},
		"k4 k5 k6", all, false,
	},
	{"smallest creation", &options{MinCreateRevision: 6}, "k5 k6", all, false},
	{"largest creation", &options{MaxCreateRevision: 3}, "k1 k2", all, false},
	{"filter with a limit", &options{MinModRevision: 5, Limit: 2}, "k1 k3", all, true},
	{
		"filter and limit that just fit",
		&options{MinModRevision: 9, Limit: 2},
		"k1 k3", all, false,
	},
	{"filter that nothing passes", &options{MinModRevision: 100}, "", all, false},
	{
		"filter with order and limit",
		&options{MinModRevision: 7, SortOrder: desc, SortTarget: byMod, Limit: 2},
		"k1 k3", all, true,
	},
	{
		"filter on an old revision",
		&options{Revision: 8, MinModRevision: 6},
		"k1 k5 k6", all, false,
	},
	{"negative revision is the current one", &options{Revision: -5, Limit: 1}, "k1", all, true},
}

func TestRangeOptions(t *testing.T) {
	t.Parallel()
	c := rangeFixture(t)
	for _, test := range rangeOptions {
		t.Run(test.name, func(t *testing.T) {
			request := test.options
			request.Key, request.RangeEnd = []byte("k"), []byte("l")
			response := c.Range(request)
			expect.Equal(t, "keys", strings.Join(keysOf(response), " "), test.want)
			expect.Equal(t, "count", response.Count, test.count)
			expect.Equal(t, "more", response.More, test.more)
			expect.Equal(t, "revision", response.Header.Revision, 10)
			for _, kv := range response.Kvs {
				expect.True(t, (len(kv.Value) == 0) == request.KeysOnly, "value of %s is %q",
					kv.Key, kv.Value)
				expect.True(t, kv.ModRevision > 0 && kv.CreateRevision > 0 && kv.Version > 0,
					"metadata of %s: %v", kv.Key, kv)
			}
		})
	}
}

func TestCountStartsAtTheRequestedKey(t *testing.T) {
	t.Parallel()
	c := rangeFixture(t)
	key, seen := []byte("k"), int64(0)
	for page := 0; ; page++ {
		response := c.Range(&pb.RangeRequest{Key: key, RangeEnd: []byte("l"), Limit: 4})
		expect.Equal(t, fmt.Sprintf("count on page %d", page), response.Count, 6-seen)
		seen += int64(len(response.Kvs))
		if !response.More {
			break
		}
		key = append(response.Kvs[len(response.Kvs)-1].Key, 0)
	}
	expect.Equal(t, "keys on all pages", seen, 6)
}

// oldRevisions is what TestReadOldRevisions has to find at each of its revisions.
var oldRevisions = map[int64][]*mvccpb.KeyValue{
	1: nil,
	2: {stored("a", "1", 2, 2, 1)},
	3: {stored("a", "1", 2, 2, 1), stored("b", "1", 3, 3, 1)},
	4: {stored("a", "2", 2, 4, 2), stored("b", "1", 3, 3, 1)},
	5: {stored("b", "1", 3, 3, 1)},
	6: {stored("a", "3", 6, 6, 1), stored("b", "1", 3, 3, 1)},
	7: {stored("a", "3", 6, 6, 1), stored("c", "1", 7, 7, 1)},
}

func stored(key, value string, create, mod, version int64) *mvccpb.KeyValue {
	return &mvccpb.KeyValue{
		Key: []byte(key), Value: []byte(value),
		CreateRevision: create, ModRevision: mod, Version: version,
	}
}

// checkOldRevision reads the store of TestReadOldRevisions as it was, by a range and key by key.
func checkOldRevision(t *testing.T, c *server.Client, revision int64) {
	t.Helper()
	want := oldRevisions[revision]
	response := c.Range(&pb.RangeRequest{
		Key: []byte("a"), RangeEnd: []byte("z"), Revision: revision,
	})
	expect.Equal(t, fmt.Sprintf("keys at revision %d", revision), response.Kvs, want)
	expect.Equal(t, "count", response.Count, int64(len(want)))
	expect.Equal(t, "header revision is the current one", response.Header.Revision, 7)
	for _, kv := range want {
		single := c.Range(&pb.RangeRequest{Key: kv.Key, Revision: revision})
		expect.Equal(t, "a single key", single.Kvs, []*mvccpb.KeyValue{kv})
		expect.Equal(t, "header revision is the current one", single.Header.Revision, 7)
	}
}

func TestReadOldRevisions(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("a", "1")                                                                  // 2
	c.Put("b", "1")                                                                  // 3
	c.Put("a", "2")                                                                  // 4
	c.Delete("a", "")                                                                // 5
	c.Put("a", "3")                                                                  // 6
	c.Txn(&pb.TxnRequest{Success: ops.List(ops.Put("c", "1"), ops.Delete("b", ""))}) // 7

	for revision := int64(1); revision <= 7; revision++ {
		checkOldRevision(t, c, revision)
	}
	c.Compact(5)
	for revision := int64(5); revision <= 7; revision++ {
		checkOldRevision(t, c, revision)
	}
	forms := map[string]*pb.RangeRequest{
		"one key":       {Key: []byte("b")},
		"a missing key": {Key: []byte("none")},
		"a range":       {Key: []byte("a"), RangeEnd: []byte("z")},
		"count only":    {Key: []byte("a"), RangeEnd: []byte("z"), CountOnly: true},
		"keys only":     {Key: []byte("a"), RangeEnd: []byte("z"), KeysOnly: true},
		"a limit":       {Key: []byte("a"), RangeEnd: []byte("z"), Limit: 1},
		"serializable":  {Key: []byte("a"), Serializable: true},
		"an order": {
			Key:       []byte("a"),
			RangeEnd:  []byte("z"),
			SortOrder: pb.RangeRequest_DESCEND,
		},
		"everything":        {Key: []byte{0}, RangeEnd: []byte{0}},
		"an inverted range": {Key: []byte("z"), RangeEnd: []byte("a")},
	}
	for name, request := range forms {
		t.Run("compacted revision of "+name, func(t *testing.T) {
			for _, revision := range []int64{1, 4} {
				request.Revision = revision
				_, err := c.KV.Range(server.Context(t), request)
				expect.Fails(t, err, expect.Compacted)
			}
		})
		t.Run("future revision of "+name, func(t *testing.T) {
			for _, revision := range []int64{8, 1000, math.MaxInt64} {
				request.Revision = revision
				_, err := c.KV.Range(server.Context(t), request)
				expect.Fails(t, err, expect.FutureRevision)
			}
		})
	}
}

func TestRangeErrors(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("k", "v")
	cases := []struct {
		name    string
		request *pb.RangeRequest
		want    expect.Failure
	}{
		{"empty key", &pb.RangeRequest{}, expect.EmptyKey},
		{"empty key with an end", &pb.RangeRequest{RangeEnd: []byte("z")}, expect.EmptyKey},
		{"unknown order", &pb.RangeRequest{Key: []byte("k"), SortOrder: 3}, expect.InvalidSort},
		{"negative order", &pb.RangeRequest{Key: []byte("k"), SortOrder: -1}, expect.InvalidSort},
		{"unknown target", &pb.RangeRequest{Key: []byte("k"), SortTarget: 5}, expect.InvalidSort},
		{"negative target", &pb.RangeRequest{Key: []byte("k"), SortTarget: -1}, expect.InvalidSort},
		{"empty key and unknown order", &pb.RangeRequest{SortOrder: 3}, expect.EmptyKey},
		{"future revision", &pb.RangeRequest{Key: []byte("k"), Revision: 3}, expect.FutureRevision},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.KV.Range(server.Context(t), test.request)
			expect.Fails(t, err, test.want)
		})
	}
}
