// Package flagstest compares a command of this module with the one of Kubernetes that it stands
// for.
package flagstest

import (
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ExpectSame fails the test for each flag that is not in both commands with the same default and
// description.
func ExpectSame(t *testing.T, ours, upstream *cobra.Command) {
	t.Helper()
	if ours.Use != upstream.Use {
		t.Errorf("the command is called %q, upstream's %q", ours.Use, upstream.Use)
	}
	count := 0
	upstream.Flags().VisitAll(func(want *pflag.Flag) {
		count++
		got := ours.Flags().Lookup(want.Name)
		if got == nil {
			t.Errorf("--%s is missing", want.Name)
		} else if got.DefValue != want.DefValue || got.Usage != want.Usage ||
			got.Shorthand != want.Shorthand {
			t.Errorf("--%s is %+v, upstream's %+v", want.Name, got, want)
		}
	})
	ours.Flags().VisitAll(func(flag *pflag.Flag) {
		if upstream.Flags().Lookup(flag.Name) == nil {
			t.Errorf("--%s is not a flag of upstream", flag.Name)
		}
	})
	if count == 0 {
		t.Error("upstream's command has no flags")
	}
}
