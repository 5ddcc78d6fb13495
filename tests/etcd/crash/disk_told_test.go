package crash

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"kubase/tests/etcd/internal/diskfaults"
	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

// sick is a server whose disk can fail, with a client that has put the key "before".
type sick struct {
	t      *testing.T
	disk   *diskfaults.Disk
	server *server.Server
	client *server.Client
}

func newSick(t *testing.T) *sick {
	onlyKubase(t)
	disk := diskfaults.New(t)
	s := server.StartWith(t, server.Kubase(t), server.Options{Env: disk.Env()})
	c := s.Client(t)
	c.Put("before", "v")
	return &sick{t: t, disk: disk, server: s, client: c}
}

// A full disk: etcd's error for it, etcd's alarm, reads and watches that go on, and no alarm any
// more when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	stream := watchstream.Open(t, s.client)
	stream.Create(&pb.WatchCreateRequest{Key: []byte("a"), RangeEnd: []byte("z")})
	s.disk.Set(diskfaults.Fault{Call: diskfaults.Write, Action: diskfaults.NoSpace})
	value := []byte(strings.Repeat("v", 100_000))
	for range 3 {
		_, err := s.client.KV.Put(server.Context(t), &pb.PutRequest{Key: []byte("k"), Value: value})
		expect.Fails(t, err, expect.NoSpace)
	}
	status := s.status()
	alarm := fmt.Sprintf("memberID:%d alarm:NOSPACE", status.Header.MemberId)
	expect.Equal(t, "errors of the status", status.Errors, []string{alarm})
	alarms, err := s.client.Maintenance.Alarm(server.Context(t), &pb.AlarmRequest{})
	expect.OK(t, err)
	expect.Equal(t, "alarms", alarms.Alarms,
		[]*pb.AlarmMember{{MemberID: status.Header.MemberId, Alarm: pb.AlarmType_NOSPACE}})
	s.expectHealth(http.StatusServiceUnavailable, `{"health":"false","reason":"ALARM NOSPACE"}`)
	s.expectReads()
	s.disk.Heal()
	s.awaitHealthy() // also when nobody writes
	s.expectRoom()
	revision := s.client.PutRequest(&pb.PutRequest{Key: []byte("k"), Value: value}).Header.Revision
	expect.Equal(t, "revision", revision, 3)
	expect.Equal(t, "event", stream.NextEvents().Events[0].Kv.ModRevision, 3)
}

// A disk that cannot sync: nothing is acknowledged, everybody is told, reads go on, and so do
// writes when it is over.
func TestDiskThatDoesNotSync(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.disk.Set(diskfaults.Fault{Call: diskfaults.Sync, Action: diskfaults.InputOutput})
	for range 3 { // the first one is the commit itself, those after it find the store closed
		ctx, cancel := context.WithTimeout(server.Context(t), 20*time.Second)
		_, err := s.client.KV.Put(ctx, &pb.PutRequest{Key: []byte("k")})
		cancel()
		expect.Fails(t, err, expect.TimedOut)
	}
	status := s.status()
	expect.True(t, len(status.Errors) == 1 && strings.Contains(status.Errors[0], "disk I/O error"),
		"errors of the status are %q", status.Errors)
	code, body := s.health()
	expect.Equal(t, "code of /health", code, http.StatusServiceUnavailable)
	expect.True(t, strings.Contains(body, "disk I/O error"), "/health says %s", body)
	s.expectReads()
	s.disk.Heal()
	s.awaitHealthy()
	s.expectRoom()
	s.client.Put("k", "w")
	s.server.Kill()
	s.server.Restart()
	expect.Equal(t, "value after a kill", string(s.server.Client(t).Get("k").Kvs[0].Value), "w")
}

// With such a disk a server does not start on what a kill has left, says why, and loses nothing.
func TestStartOnABadDisk(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.server.Kill()
	for _, test := range []struct {
		fault diskfaults.Fault
		want  string
	}{
		{
			diskfaults.Fault{Call: diskfaults.Grow, Action: diskfaults.NoSpace},
			"free space on the disk that holds the database",
		},
		{
			diskfaults.Fault{Call: diskfaults.Write, Action: diskfaults.InputOutput},
			"SQLite: disk I/O error",
		},
		{
			diskfaults.Fault{Call: diskfaults.Sync, Action: diskfaults.InputOutput},
			"SQLite: disk I/O error",
		},
	} {
		s.disk.Set(test.fault)
		told := s.server.FailToStart()
		expect.True(t, strings.Contains(told, test.want), "with %v it says %q", test.fault, told)
	}
	s.disk.Heal()
	s.server.Restart()
	expect.Equal(t, "keys", len(s.server.Client(t).Get("before").Kvs), 1)
}

func (s *sick) status() *pb.StatusResponse {
	s.t.Helper()
	status, err := s.client.Maintenance.Status(server.Context(s.t), &pb.StatusRequest{})
	expect.OK(s.t, err)
	return status
}

func (s *sick) expectReads() {
	s.t.Helper()
	for range 10 {
		expect.Equal(s.t, "keys that can be read", len(s.client.Get("before").Kvs), 1)
	}
}

func (s *sick) health() (code int, body string) {
	s.t.Helper()
	response, err := http.Get("http://" + s.server.Address() + "/health")
	expect.OK(s.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	expect.OK(s.t, err)
	return response.StatusCode, strings.TrimSpace(string(content))
}

func (s *sick) expectHealth(code int, body string) {
	s.t.Helper()
	gotCode, gotBody := s.health()
	expect.Equal(s.t, "code of /health", gotCode, code)
	expect.Equal(s.t, "body of /health", gotBody, body)
}

// awaitHealthy waits until /health is content.
func (s *sick) awaitHealthy() {
	s.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		code, body := s.health()
		if code == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			s.t.Errorf("10 s after the disk was healed /health says %s", body)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *sick) expectRoom() {
	s.t.Helper()
	expect.Equal(s.t, "errors of the status", len(s.status().Errors), 0)
	response, err := s.client.Health.Check(server.Context(s.t), &healthpb.HealthCheckRequest{})
	expect.OK(s.t, err)
	expect.Equal(s.t, "health", response.Status, healthpb.HealthCheckResponse_SERVING)
}
