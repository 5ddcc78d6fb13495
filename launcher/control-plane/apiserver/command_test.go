package apiserver

import (
	"context"
	"strings"
	"testing"

	"k8s.io/kubernetes/cmd/kube-apiserver/app"

	"kubase/control-plane/commandflags/flagstest"
)

func TestFlagsAreThoseOfUpstream(t *testing.T) {
	flagstest.ExpectSame(t, NewCommand(context.Background()), app.NewAPIServerCommand())
}

func TestBadInputIsRefusedBeforeAnythingRuns(t *testing.T) {
	for _, test := range []struct {
		arguments []string
		want      string
	}{
		{[]string{"stray"}, `not the argument "stray"`},
		{[]string{"--no-such-flag"}, "unknown flag: --no-such-flag"},
		{[]string{"--secure-port=99999"}, "--secure-port 99999 must be between 1 and 65535"},
	} {
		command := NewCommand(context.Background())
		command.SilenceErrors = true
		command.SetArgs(test.arguments)
		if err := command.Execute(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.arguments, err, test.want)
		}
	}
}
