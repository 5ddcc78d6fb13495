// Package commandflags gives the commands of this module the flags and the help that Kubernetes'
// own commands have: grouped by subject, --version, and a refusal of stray arguments.
package commandflags

import (
	"fmt"

	"github.com/spf13/cobra"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/cli/globalflag"
	"k8s.io/component-base/logs"
	"k8s.io/component-base/term"
	"k8s.io/component-base/version/verflag"
)

// Add adds the groups of flags to command, and to the group "global" the flags that all components
// share.
func Add(command *cobra.Command, groups cliflag.NamedFlagSets) {
	global := groups.FlagSet("global")
	verflag.AddFlags(global)
	globalflag.AddGlobalFlags(global, command.Name(), logs.SkipLoggingConfigurationFlags())
	for _, group := range groups.FlagSets {
		command.Flags().AddFlagSet(group)
	}
	// Without a terminal the width is 0, which stands for unlimited.
	width, _, err := term.TerminalSize(command.OutOrStdout())
	if err != nil {
		width = 0
	}
	cliflag.SetUsageAndHelpFunc(command, groups, width)
}

// NoArguments refuses arguments that are not flags. Empty ones pass: they come from unset shell
// variables.
func NoArguments(command *cobra.Command, arguments []string) error {
	for _, argument := range arguments {
		if argument != "" {
			return fmt.Errorf("%s takes flags only, not the argument %q", command.CommandPath(),
				argument)
		}
	}
	return nil
}
