package controllermanager

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/controller-manager/pkg/clientbuilder"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app/config"

	"kubase/control-plane/commandflags/flagstest"
)

func TestFlagsAreThoseOfUpstream(t *testing.T) {
	flagstest.ExpectSame(t, NewCommand(), app.NewControllerManagerCommand())
}

func TestBadInputIsRefusedBeforeAnythingRuns(t *testing.T) {
	for _, test := range []struct {
		arguments []string
		want      string
	}{
		{[]string{"stray"}, `not the argument "stray"`},
		{[]string{"--no-such-flag"}, "unknown flag: --no-such-flag"},
		{[]string{"--controllers=no-such-controller"}, `"no-such-controller" is not in the list of known controllers`},
	} {
		command := NewCommand()
		command.SilenceErrors, command.SilenceUsage = true, true
		command.SetArgs(test.arguments)
		if err := command.Execute(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.arguments, err, test.want)
		}
	}
}

// nameRecorder notes the names of the clients that are made, and stops after the first
// configuration.
type nameRecorder struct {
	clientbuilder.ControllerClientBuilder
	names []string
}

var errStop = errors.New("stop")

func (r *nameRecorder) Client(name string) (kubernetes.Interface, error) {
	r.names = append(r.names, name)
	return fake.NewClientset(), nil
}

func (r *nameRecorder) Config(name string) (*rest.Config, error) {
	r.names = append(r.names, name)
	return nil, errStop
}

// The filter knows the clients of the informers by these names.
func TestUpstreamStillCallsTheClientsOfTheInformersSo(t *testing.T) {
	recorder := &nameRecorder{}
	_, err := app.CreateControllerContext(context.Background(), (&config.Config{}).Complete(), recorder, recorder)
	if !errors.Is(err, errStop) || !slices.Equal(recorder.names, []string{"shared-informers", "metadata-informers"}) {
		t.Errorf("clients %q, error %v", recorder.names, err)
	}
}

func TestInformersAreFilteredUnlessTheStorageCollectsNothing(t *testing.T) {
	for value, filtered := range map[string]bool{"": true, "whole": false} {
		t.Setenv(informersVariable, value)
		kubeconfig := &rest.Config{}
		if filterInformers(kubeconfig); (kubeconfig.WrapTransport != nil) != filtered {
			t.Errorf("with %q: filtered %v", value, !filtered)
		}
	}
}
