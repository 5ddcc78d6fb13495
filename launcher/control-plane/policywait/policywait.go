// Package policywait makes the creation of an object wait while kube-apiserver learns the schema of
// its type, instead of refusing it.
//
// The plug-in of MutatingAdmissionPolicy refuses with 503, whatever the failure policy says, every
// object that a policy matches and whose schema it has not read yet; it reads the list of schemas
// every five seconds. A policy that matches all custom resources would so refuse the first objects of
// each new CustomResourceDefinition, and for some seconds after a restart those of all. The refusal
// comes before the object is changed, so asking the plug-in again is safe.
package policywait

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
)

const (
	// waitMax is two readings of the list, for a definition whose schema just missed one.
	waitMax = 10 * time.Second
	// The pauses between attempts double between these; each attempt of the plug-in logs a line.
	pauseMin = 50 * time.Millisecond
	pauseMax = 800 * time.Millisecond
)

// Decorate wraps the plug-in of MutatingAdmissionPolicy and returns every other plug-in as it is. It
// is an admission.DecoratorFunc.
func Decorate(handler admission.Interface, name string) admission.Interface {
	mutator, ok := handler.(admission.MutationInterface)
	if name != mutating.PluginName || !ok {
		return handler
	}
	return &waiter{MutationInterface: mutator, sleep: sleep}
}

type waiter struct {
	admission.MutationInterface
	sleep func(ctx context.Context, duration time.Duration) error
}

// Admit asks the plug-in until it knows the schema, the request ends, or waitMax has passed; then its
// last answer counts.
func (w *waiter) Admit(
	ctx context.Context, attributes admission.Attributes, objects admission.ObjectInterfaces,
) error {
	pause := pauseMin
	for waited := time.Duration(0); ; {
		err := w.MutationInterface.Admit(ctx, attributes, objects)
		if !apierrors.IsServiceUnavailable(err) || waited >= waitMax {
			return err
		}
		if w.sleep(ctx, pause) != nil {
			return err
		}
		waited += pause
		pause = min(2*pause, pauseMax)
	}
}

func sleep(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
