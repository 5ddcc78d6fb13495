// Package apiserver is the command kube-apiserver with push-down of selectors into the storage.
// Flags, validation, logging and version are upstream's, taken from the options that upstream
// exports; between the making of the configuration and its completion the storages get the layer of
// package pushdown, and package policywait goes around one admission plug-in.
package apiserver

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/server/flagz"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	cliflag "k8s.io/component-base/cli/flag"
	basecompatibility "k8s.io/component-base/compatibility"
	"k8s.io/component-base/featuregate"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/component-base/version"
	"k8s.io/component-base/version/verflag"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"

	"kubase/control-plane/commandflags"
	"kubase/control-plane/policywait"
	"kubase/control-plane/pushdown"
)

const name = "kube-apiserver"

// NewCommand returns the command; it runs until ctx is done. Feature gates and metrics are
// process-wide in Kubernetes, so a process runs it once.
func NewCommand(ctx context.Context) *cobra.Command {
	opts := options.NewServerRunOptions()
	admissionOptions := opts.Admission.GenericAdmission
	admissionOptions.Decorators =
		append(admissionOptions.Decorators, admission.DecoratorFunc(policywait.Decorate))
	command := &cobra.Command{
		Use: name,
		Long: `The Kubernetes API server validates and stores the objects of a cluster and
serves them over REST. This one hands label and field selectors to its storage.`,
		SilenceUsage: true,
		Args:         commandflags.NoArguments,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			// The server warns about its own use of deprecated interfaces otherwise.
			rest.SetDefaultWarningHandler(rest.NoWarnings{})
			return opts.GenericServerRunOptions.ComponentGlobalsRegistry.Set()
		},
		RunE: func(command *cobra.Command, _ []string) error { return runWith(ctx, command, opts) },
	}
	command.SetContext(ctx)

	flags := opts.Flags()
	opts.Flagz = flagz.NamedFlagSetsReader{FlagSets: flags}
	commandflags.Add(command, flags)
	return command
}

// runWith takes the parsed options through logging, completion and validation, and serves.
func runWith(ctx context.Context, command *cobra.Command, opts *options.ServerRunOptions) error {
	verflag.PrintAndExitIfRequested()

	registry := opts.GenericServerRunOptions.ComponentGlobalsRegistry
	gates := registry.FeatureGateFor(basecompatibility.DefaultKubeComponent)
	if err := logsapi.ValidateAndApply(opts.Logs, gates); err != nil {
		return err
	}
	cliflag.PrintFlags(command.Flags())

	completed, err := opts.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) != 0 {
		return utilerrors.NewAggregate(errs)
	}
	if mutable, ok := gates.(featuregate.MutableFeatureGate); ok {
		mutable.AddMetrics()
	}
	registry.AddMetrics()
	return serve(ctx, completed)
}

// serve makes the chain of servers (aggregator, built-in types, custom resources) and runs it until
// ctx is done.
func serve(ctx context.Context, opts options.CompletedOptions) error {
	klog.InfoS("Starting "+name, "version", version.Get(), "GOGC", os.Getenv("GOGC"),
		"GOMAXPROCS", os.Getenv("GOMAXPROCS"), "GOMEMLIMIT", os.Getenv("GOMEMLIMIT"))

	if opts.InformerName == nil {
		informerName, err := cache.NewInformerName(name)
		if err != nil {
			return err
		}
		opts.InformerName = informerName
	}
	config, err := app.NewConfig(opts)
	if err != nil {
		return err
	}
	pushSelectorsDown(config)

	completed, err := config.Complete()
	if err != nil {
		return err
	}
	server, err := app.CreateServerChain(completed)
	if err != nil {
		return err
	}
	prepared, err := server.PrepareRun()
	if err != nil {
		return fmt.Errorf("prepare to serve: %w", err)
	}
	return prepared.Run(ctx)
}

// pushSelectorsDown wraps everything from which the servers of config make their storages.
func pushSelectorsDown(config *app.Config) {
	layer := pushdown.NewLayer()
	for _, getter := range []*generic.RESTOptionsGetter{
		&config.KubeAPIs.ControlPlane.Generic.RESTOptionsGetter,
		&config.ApiExtensions.GenericConfig.RESTOptionsGetter,
		&config.ApiExtensions.ExtraConfig.CRDRESTOptionsGetter,
		&config.Aggregator.GenericConfig.RESTOptionsGetter,
	} {
		*getter = layer.Wrap(*getter)
	}
}
