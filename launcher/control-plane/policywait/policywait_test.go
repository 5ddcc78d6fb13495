package policywait

import (
	"context"
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
)

// plugin answers with its errors one after the other, the last one for good.
type plugin struct {
	*admission.Handler
	answers []error
	calls   int
}

func (p *plugin) Admit(
	context.Context, admission.Attributes, admission.ObjectInterfaces,
) error {
	answer := p.answers[min(p.calls, len(p.answers)-1)]
	p.calls++
	return answer
}

var errNoSchema = apierrors.NewServiceUnavailable("Resource kind not found.")

// admit runs the decorated plug-in without really sleeping.
func admit(ctx context.Context, p *plugin) error {
	p.Handler = admission.NewHandler(admission.Create)
	decorated := Decorate(p, mutating.PluginName).(*waiter)
	decorated.sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return decorated.Admit(ctx, nil, nil)
}

func TestOtherPlugInsAreLeftAlone(t *testing.T) {
	p := &plugin{}
	if Decorate(p, "NamespaceLifecycle") != admission.Interface(p) {
		t.Error("another plug-in was wrapped")
	}
	handler := admission.NewHandler(admission.Create)
	if Decorate(handler, mutating.PluginName) != admission.Interface(handler) {
		t.Error("a plug-in that changes nothing was wrapped")
	}
}

func TestAnUnknownSchemaIsWaitedFor(t *testing.T) {
	p := &plugin{answers: []error{errNoSchema, errNoSchema, nil}}
	if err := admit(context.Background(), p); err != nil || p.calls != 3 {
		t.Errorf("after %d calls: %v", p.calls, err)
	}
}

func TestOtherAnswersAreFinal(t *testing.T) {
	for _, answer := range []error{nil, errors.New("x"), apierrors.NewInternalError(errors.New("y"))} {
		p := &plugin{answers: []error{answer}}
		if err := admit(context.Background(), p); !errors.Is(err, answer) || p.calls != 1 {
			t.Errorf("%v: %d calls, %v", answer, p.calls, err)
		}
	}
}

func TestTheWaitIsBounded(t *testing.T) {
	p := &plugin{answers: []error{errNoSchema}}
	err := admit(context.Background(), p)
	if !apierrors.IsServiceUnavailable(err) || p.calls < 10 || p.calls > 30 {
		t.Errorf("after %d calls: %v", p.calls, err)
	}
}

func TestARequestThatEndsIsNotHeld(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := &plugin{answers: []error{errNoSchema}}
	if err := admit(ctx, p); !apierrors.IsServiceUnavailable(err) || p.calls != 1 {
		t.Errorf("after %d calls: %v", p.calls, err)
	}
	if err := sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("sleep: %v", err)
	}
	if err := sleep(context.Background(), time.Millisecond); err != nil {
		t.Errorf("sleep: %v", err)
	}
}
