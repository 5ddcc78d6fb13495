package graph

import "k8s.io/apimachinery/pkg/runtime/schema"

// Group has the custom resources of the graphs. Both versions are served and convert to each other
// by their name alone; Version is stored.
const (
	Group        = "graphs.test.kubase"
	Version      = "v1"
	OtherServed  = "v1beta1"
	unknownGroup = "unknown.test.kubase"
)

// Kind is a type of objects.
type Kind struct {
	schema.GroupVersionKind
	Resource   string
	Namespaced bool
	weight     int
}

// Kinds are those that graphs are made of. Deployments are paused, so that their controller makes
// no ReplicaSet but still writes their status beside the collector.
var Kinds = []*Kind{
	builtIn("", "ConfigMap", "configmaps", 5),
	builtIn("", "Secret", "secrets", 3),
	builtIn("", "ServiceAccount", "serviceaccounts", 1),
	builtIn("apps", "Deployment", "deployments", 2),
	custom("Box", "boxes", true, 8),
	custom("Crate", "crates", true, 5),
	custom("Depot", "depots", false, 3),
}

func builtIn(group, kind, resource string, weight int) *Kind {
	return &Kind{schema.GroupVersionKind{Group: group, Version: "v1", Kind: kind}, resource, true,
		weight}
}

func custom(kind, resource string, namespaced bool, weight int) *Kind {
	return &Kind{schema.GroupVersionKind{Group: Group, Version: Version, Kind: kind}, resource,
		namespaced, weight}
}

// Custom tells whether it is one of our definitions.
func (k *Kind) Custom() bool { return k.Group == Group }

// Collection is the resource by which objects are read and written.
func (k *Kind) Collection() schema.GroupVersionResource {
	return k.GroupVersion().WithResource(k.Resource)
}
