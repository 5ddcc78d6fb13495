// Package selectors tests that lists and watches are filtered by the selectors that come with a
// call, which no etcd knows. What a selector means is tested in tests/selectors and beside the code.
package selectors

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

const prefix = "/registry/example.com/widgets/"

var widgets = pb.RangeRequest{Key: []byte(prefix), RangeEnd: []byte("/registry/example.com/widgets0")}

func withSelectors(ctx context.Context, labels, fields string) context.Context {
	return metadata.AppendToOutgoingContext(ctx,
		"x-kubase-label-selector", url.PathEscape(labels),
		"x-kubase-field-selector", url.PathEscape(fields))
}

func widget(labels string) string {
	return fmt.Sprintf(`{"kind":"Widget","metadata":{"labels":{%s}}}`, labels)
}

func names(response *pb.RangeResponse) []string {
	found := []string{}
	for _, kv := range response.Kvs {
		found = append(found, strings.TrimPrefix(string(kv.Key), prefix))
	}
	return found
}

func fill(c *server.Client) {
	c.Put(prefix+"a/one", widget(`"app":"web","tier":"front"`))
	c.Put(prefix+"a/two", widget(`"app":"web"`))
	c.Put(prefix+"b/three", widget(`"app":"db","tier":"back"`))
	c.Put(prefix+"b/four", widget(``))
	c.Put(prefix+"b/sealed", "k8s:enc:aescbc:v1:key:sealed")
}

func TestListsAreFiltered(t *testing.T) {
	s := server.StartKind(t, server.Kubase(t))
	c := s.Client(t)
	fill(c)
	for _, test := range []struct {
		labels, fields string
		want           []string
	}{
		{"app=web", "", []string{"a/one", "a/two", "b/sealed"}},
		{"app=web,tier=front", "", []string{"a/one", "b/sealed"}},
		{"app in (web, db),tier", "", []string{"a/one", "b/sealed", "b/three"}},
		{"app!=web", "", []string{"b/four", "b/sealed", "b/three"}},
		{"!tier", "", []string{"a/two", "b/four", "b/sealed"}},
		{"app=web", "metadata.namespace=a", []string{"a/one", "a/two"}},
		{"", "metadata.name=two", []string{"a/two"}},
	} {
		ctx := withSelectors(server.Context(t), test.labels, test.fields)
		response, err := c.KV.Range(ctx, &widgets)
		expect.OK(t, err)
		what := test.labels + " " + test.fields
		expect.True(t, slices.Equal(names(response), test.want), "%s: %v", what, names(response))
		expect.Equal(t, what, response.Count, int64(len(test.want)))

		page, err := c.KV.Range(ctx, &pb.RangeRequest{Key: widgets.Key, RangeEnd: widgets.RangeEnd, Limit: 1})
		expect.OK(t, err)
		expect.True(t, slices.Equal(names(page), test.want[:1]), "%s: page %v", what, names(page))
		expect.Equal(t, what+": more", page.More, len(test.want) > 1)
		expect.Equal(t, what+": more by the count", page.Count > 1, len(test.want) > 1)
	}
}

func TestGetsAreFiltered(t *testing.T) {
	s := server.StartKind(t, server.Kubase(t))
	c := s.Client(t)
	fill(c)
	key := []byte(prefix + "a/one")
	for _, request := range []*pb.RangeRequest{
		{Key: key},
		{Key: key, Revision: c.Revision()},
		{Key: key, CountOnly: true},
		{Key: key, KeysOnly: true},
		{Key: key, Limit: 1},
	} {
		for labels, want := range map[string]int64{"app=web": 1, "app=db": 0} {
			response, err := c.KV.Range(withSelectors(server.Context(t), labels, ""), request)
			expect.OK(t, err)
			expect.Equal(t, fmt.Sprintf("count of %v by %s", request, labels), response.Count, want)
			expect.Equal(t, "pairs", len(response.Kvs) > 0, want > 0 && !request.CountOnly)
		}
	}
}

func TestMalformedSelectorIsQuoted(t *testing.T) {
	s := server.StartKind(t, server.Kubase(t))
	c := s.Client(t)
	ctx := withSelectors(server.Context(t), "app in (web", "")
	_, err := c.KV.Range(ctx, &widgets)
	expect.Code(t, err, codes.InvalidArgument)
	expect.True(t, strings.Contains(status.Convert(err).Message(), "app in (web"), "%v", err)
	stream, err := c.Watch.Watch(ctx)
	expect.OK(t, err)
	expect.OK(t, stream.Send(create()))
	_, err = stream.Recv()
	expect.Code(t, err, codes.InvalidArgument)
}

func create() *pb.WatchRequest {
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{
		CreateRequest: &pb.WatchCreateRequest{
			Key: widgets.Key, RangeEnd: widgets.RangeEnd, StartRevision: 1, PrevKv: true,
		},
	}}
}

func TestWatchTellsWhatEntersAndLeaves(t *testing.T) {
	s := server.StartKind(t, server.Kubase(t))
	c := s.Client(t)
	stream, err := c.Watch.Watch(withSelectors(server.Context(t), "app=web", ""))
	expect.OK(t, err)
	expect.OK(t, stream.Send(create()))
	_, err = stream.Recv()
	expect.OK(t, err)
	c.Put(prefix+"a/one", widget(`"app":"db"`))  // never seen
	c.Put(prefix+"a/one", widget(`"app":"web"`)) // enters
	c.Put(prefix+"a/two", widget(``))            // never seen
	c.Put(prefix+"a/one", widget(`"app":"db"`))  // leaves
	c.Put(prefix+"a/two", widget(`"app":"web"`))
	c.Delete(prefix+"a/two", "")
	revisions := []int64{}
	for len(revisions) < 4 {
		response, err := stream.Recv()
		expect.OK(t, err)
		for _, event := range response.Events {
			expect.True(t, event.PrevKv != nil, "no previous pair at revision %d", event.Kv.ModRevision)
			revisions = append(revisions, event.Kv.ModRevision)
		}
	}
	expect.True(t, slices.Equal(revisions, []int64{3, 5, 6, 7}), "revisions %v", revisions)
}
