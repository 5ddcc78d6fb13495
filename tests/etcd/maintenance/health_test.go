package maintenance

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

func TestGrpcHealth(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	response, err := c.Health.Check(server.Context(t), &healthpb.HealthCheckRequest{})
	expect.OK(t, err)
	expect.Equal(t, "status", response.Status, healthpb.HealthCheckResponse_SERVING)
	_, err = c.Health.Check(server.Context(t),
		&healthpb.HealthCheckRequest{Service: "no such service"})
	expect.Code(t, err, codes.NotFound)
	watch, err := c.Health.Watch(server.Context(t), &healthpb.HealthCheckRequest{})
	expect.OK(t, err)
	response, err = watch.Recv()
	expect.OK(t, err)
	expect.Equal(t, "status", response.Status, healthpb.HealthCheckResponse_SERVING)
}

// request does one HTTP request on the client port.
func request(t *testing.T, s *server.Server, method, path string) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(
		server.Context(t),
		method,
		"http://"+s.Address()+path,
		nil,
	)
	expect.OK(t, err)
	response, err := http.DefaultClient.Do(request)
	expect.OK(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	expect.OK(t, err)
	return response.StatusCode, strings.TrimSpace(string(body)), response.Header
}

func versionsOf(t *testing.T, s *server.Server) map[string]string {
	t.Helper()
	code, body, header := request(t, s, http.MethodGet, "/version")
	expect.Equal(t, "code of /version", code, http.StatusOK)
	expect.Equal(t, "content type of /version", header.Get("Content-Type"), "application/json")
	versions := map[string]string{}
	expect.OK(t, json.Unmarshal([]byte(body), &versions))
	return versions
}

// Plain HTTP is answered on the port of gRPC: probes use it.
func TestHTTP(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	for range 3 {
		code, body, _ := request(t, s, http.MethodGet, "/health")
		expect.Equal(t, "code of /health", code, http.StatusOK)
		expect.Equal(t, "body of /health", body, `{"health":"true","reason":""}`)
	}
	code, _, header := request(t, s, http.MethodPost, "/health")
	expect.Equal(t, "code of a POST to /health", code, http.StatusMethodNotAllowed)
	expect.Equal(t, "allowed", header.Get("Allow"), http.MethodGet)
	versions := versionsOf(t, s)
	// etcd raises it in the background after its first start.
	for ctx := server.Context(t); versions["storage"] != "3.7.0" && ctx.Err() == nil; {
		versions = versionsOf(t, s)
	}
	expect.True(t, strings.HasPrefix(versions["etcdserver"], "3.7."), "server version is %q",
		versions["etcdserver"])
	expect.Equal(t, "cluster version", versions["etcdcluster"], "3.7.0")
	expect.Equal(t, "storage version", versions["storage"], "3.7.0")
	code, _, _ = request(t, s, http.MethodGet, "/no/such/page")
	expect.Equal(t, "code of an unknown page", code, http.StatusNotFound)
	// gRPC goes on beside it.
	expect.Equal(t, "revision", s.Client(t).Put("k", "v").Header.Revision, 2)
}

func TestHealthWithAnAlarm(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	c := s.Client(t)
	_, err := c.Maintenance.Alarm(server.Context(t),
		&pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE, Alarm: pb.AlarmType_NOSPACE})
	expect.OK(t, err)
	code, body, _ := request(t, s, http.MethodGet, "/health")
	expect.Equal(t, "code of /health", code, http.StatusServiceUnavailable)
	expect.Equal(t, "body of /health", body, `{"health":"false","reason":"ALARM NOSPACE"}`)
	code, _, _ = request(t, s, http.MethodGet, "/health?exclude=NOSPACE")
	expect.Equal(t, "code without the alarm", code, http.StatusOK)
}

// Authentication is off, and these calls say so as etcd does.
func TestAuth(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	ctx := server.Context(t)
	status, err := c.Auth.AuthStatus(ctx, &pb.AuthStatusRequest{})
	expect.OK(t, err)
	expect.Equal(t, "enabled", status.Enabled, false)
	expect.Equal(t, "revision of the users", status.AuthRevision, 1)
	users, err := c.Auth.UserList(ctx, &pb.AuthUserListRequest{})
	expect.OK(t, err)
	expect.Equal(t, "users", len(users.Users), 0)
	roles, err := c.Auth.RoleList(ctx, &pb.AuthRoleListRequest{})
	expect.OK(t, err)
	expect.Equal(t, "roles", len(roles.Roles), 0)

	failed := func(text string) expect.Failure {
		return expect.Failure{Code: codes.FailedPrecondition, Text: "etcdserver: " + text}
	}
	_, err = c.Auth.AuthEnable(ctx, &pb.AuthEnableRequest{})
	expect.Fails(t, err, failed("root user does not exist"))
	_, err = c.Auth.Authenticate(ctx, &pb.AuthenticateRequest{Name: "root", Password: "x"})
	expect.Fails(t, err, failed("authentication is not enabled"))
	_, err = c.Auth.UserGet(ctx, &pb.AuthUserGetRequest{Name: "root"})
	expect.Fails(t, err, failed("user name not found"))
	_, err = c.Auth.UserDelete(ctx, &pb.AuthUserDeleteRequest{Name: "root"})
	expect.Fails(t, err, failed("user name not found"))
	_, err = c.Auth.RoleGet(ctx, &pb.AuthRoleGetRequest{Role: "root"})
	expect.Fails(t, err, failed("role name not found"))
	_, err = c.Auth.RoleDelete(ctx, &pb.AuthRoleDeleteRequest{Role: "root"})
	expect.Fails(t, err, failed("role name not found"))
	_, err = c.Auth.AuthDisable(ctx, &pb.AuthDisableRequest{})
	expect.OK(t, err)
}
