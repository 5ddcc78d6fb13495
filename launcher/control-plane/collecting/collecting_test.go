package collecting

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/storage"
)

const key = "/services/default/one"

var errRefused = status.Error(codes.FailedPrecondition, refusal)

// fakeStorage answers writes with an error and reads with a service, and notes what the calls
// carried.
type fakeStorage struct {
	storage.Interface
	writeErr, getErr error
	calls            []string
}

func (s *fakeStorage) note(ctx context.Context, method string) {
	outgoing, _ := metadata.FromOutgoingContext(ctx)
	s.calls = append(s.calls, fmt.Sprint(method, " ", map[string][]string(outgoing)))
}

func (s *fakeStorage) Delete(
	ctx context.Context, _ string, _ runtime.Object, _ *storage.Preconditions,
	_ storage.ValidateObjectFunc, _ runtime.Object, _ storage.DeleteOptions,
) error {
	s.note(ctx, "Delete")
	return s.writeErr
}

func (s *fakeStorage) GuaranteedUpdate(
	ctx context.Context, _ string, _ runtime.Object, _ bool, _ *storage.Preconditions,
	_ storage.UpdateFunc, _ runtime.Object,
) error {
	s.note(ctx, "GuaranteedUpdate")
	return s.writeErr
}

func (s *fakeStorage) Get(ctx context.Context, _ string, _ storage.GetOptions, into runtime.Object) error {
	s.note(ctx, "Get")
	if s.getErr == nil {
		*into.(*corev1.Service) = service()
	}
	return s.getErr
}

func service() corev1.Service {
	return corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Name: "one", Namespace: "default", UID: "u", ResourceVersion: "7",
			Labels: map[string]string{"app": "a"},
		},
		Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.7"},
	}
}

func newService() runtime.Object { return &corev1.Service{} }

func as(name string) context.Context {
	return genericapirequest.WithUser(context.Background(), &user.DefaultInfo{Name: name})
}

// write calls the two wrapped methods by name and returns what they gave.
var write = map[string]func(context.Context, storage.Interface) (corev1.Service, error){
	"Delete": func(ctx context.Context, s storage.Interface) (out corev1.Service, err error) {
		err = s.Delete(ctx, key, &out, nil, storage.ValidateAllObjectFunc, nil, storage.DeleteOptions{})
		return out, err
	},
	"GuaranteedUpdate": func(ctx context.Context, s storage.Interface) (out corev1.Service, err error) {
		err = s.GuaranteedUpdate(ctx, key, &out, false, nil, nil, nil)
		return out, err
	},
}

func TestTheCollectorsWritesAreMarkedAndARefusalLooksDone(t *testing.T) {
	for method, do := range write {
		t.Run(method, func(t *testing.T) {
			fake := &fakeStorage{writeErr: errRefused}
			got, err := do(as(collector), Wrap(fake, newService))
			if err != nil || got.Name != "one" || got.Namespace != "default" || got.UID != "u" ||
				got.ResourceVersion != "7" {
				t.Errorf("gave %v, %v", got, err)
			}
			if kept := got.Spec.ClusterIP != ""; kept != (method == "GuaranteedUpdate") {
				t.Errorf("gave the cluster IP: %v", kept)
			}
			want := fmt.Sprint([]string{method + " map[x-kubase-writer:[garbage-collector]]", "Get map[]"})
			if fmt.Sprint(fake.calls) != want {
				t.Errorf("calls\n%s\nwant\n%s", fake.calls, want)
			}
		})
	}
}

func TestARefusedObjectThatIsGoneMeanwhileIsNotFound(t *testing.T) {
	for method, do := range write {
		fake := &fakeStorage{writeErr: errRefused, getErr: storage.NewKeyNotFoundError(key, 0)}
		if _, err := do(as(collector), Wrap(fake, newService)); !storage.IsNotFound(err) {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestOtherAnswersToTheCollectorStayAsTheyAre(t *testing.T) {
	for _, answer := range []error{
		nil,
		errors.New(refusal),
		status.Error(codes.Unavailable, refusal),
		status.Error(codes.FailedPrecondition, refusal+"."),
		storage.NewKeyNotFoundError(key, 0),
	} {
		for method, do := range write {
			fake := &fakeStorage{writeErr: answer}
			if _, err := do(as(collector), Wrap(fake, newService)); err != answer || len(fake.calls) != 1 {
				t.Errorf("%s that is answered %v gave %v, with the calls %s", method, answer, err, fake.calls)
			}
		}
	}
}

func TestNobodyElsesWritesAreTouched(t *testing.T) {
	for _, ctx := range []context.Context{
		context.Background(),
		as("system:serviceaccount:kube-system:namespace-controller"),
		as("system:serviceaccount:default:generic-garbage-collector"),
		as("admin"),
	} {
		for method, do := range write {
			fake := &fakeStorage{writeErr: errRefused}
			_, err := do(ctx, Wrap(fake, newService))
			if err != errRefused || fmt.Sprint(fake.calls) != "["+method+" map[]]" {
				t.Errorf("%s gave %v, with the calls %s", method, err, fake.calls)
			}
		}
	}
}

func TestTheWriterIsSentOnceAndTakenAwayAlone(t *testing.T) {
	ctx := metadata.AppendToOutgoingContext(context.Background(), "hasleader", "true")
	marked := withWriter(withWriter(ctx))
	outgoing, _ := metadata.FromOutgoingContext(marked)
	if got := fmt.Sprint(outgoing); got != fmt.Sprint(metadata.Pairs("hasleader", "true", WriterKey, writer)) {
		t.Errorf("below two layers: %s", got)
	}
	outgoing, _ = metadata.FromOutgoingContext(WithoutWriter(marked))
	if got := fmt.Sprint(outgoing); got != fmt.Sprint(metadata.Pairs("hasleader", "true")) {
		t.Errorf("without the writer: %s", got)
	}
	if WithoutWriter(ctx) != ctx {
		t.Error("a context without writer was copied")
	}
}
