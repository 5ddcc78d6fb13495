package pushdown

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/klog/v2"
)

// customResource decides for one version of a custom resource. What kube-apiserver decodes can
// differ from what is stored, and a selector speaks of the former:
//   - A conversion webhook may change labels and fields, so that nothing is sent. That all objects
//     are stored in the version of the request, as status.storedVersions tells, is not enough: while
//     the storage version changes, objects in the new one come before this storage is torn down.
//   - A default of the schema fills a field that the stored object lacks, and a field that is not
//     in the schema is dropped: a field requirement is sent only if every version has the field,
//     and has no default on its way.
//
// The answer comes from the CustomResourceDefinition, read once, when the first selector comes. It
// stays right because kube-apiserver makes new storages, and so new values of this type, whenever
// the spec changes. Should the definition be newer than the one this storage was made from, the
// storage is about to be torn down, with its watches.
type customResource struct {
	resource    schema.GroupResource
	definitions *definitions
	rules       atomic.Pointer[rules]
}

func (c *customResource) selectors(
	ctx context.Context, predicate storage.SelectionPredicate,
) (labelSelector, fieldSelector string) {
	known := c.rules.Load()
	if known == nil {
		definition, err := c.definitions.get(ctx, c.resource)
		if err != nil {
			// The request goes on without its selectors, and the next one tries again.
			klog.FromContext(ctx).V(2).Info("Selectors stay here, the definition cannot be read",
				"resource", c.resource, "err", err)
			return "", ""
		}
		known = newRules(definition)
		c.rules.Store(known)
	}
	if !known.storedAsDecoded {
		return "", ""
	}
	return printed(predicate.Label), printed(known.permitted(predicate.Field))
}

// rules is what a CustomResourceDefinition says about selectors.
type rules struct {
	storedAsDecoded bool                             // no conversion can change what is stored
	schemas         []*apiextensions.JSONSchemaProps // of every version
}

func newRules(definition *apiextensions.CustomResourceDefinition) *rules {
	result := &rules{storedAsDecoded: !hasWebhook(definition)}
	for _, v := range definition.Spec.Versions {
		validation := definition.Spec.Validation // the schema, if all versions have the same
		if v.Schema != nil {
			validation = v.Schema
		}
		var root *apiextensions.JSONSchemaProps
		if validation != nil {
			root = validation.OpenAPIV3Schema
		}
		result.schemas = append(result.schemas, root)
	}
	return result
}

func hasWebhook(definition *apiextensions.CustomResourceDefinition) bool {
	conversion := definition.Spec.Conversion
	return conversion != nil && conversion.Strategy != apiextensions.NoneConverter
}

// permitted returns the requirements of selector that the storage may evaluate: fewer requirements
// match more.
func (r *rules) permitted(selector fields.Selector) fields.Selector {
	if selector == nil {
		return nil
	}
	var terms []fields.Selector
	for _, requirement := range selector.Requirements() {
		if !r.isStored(requirement.Field) {
			continue
		}
		term := fields.OneTermEqualSelector(requirement.Field, requirement.Value)
		if requirement.Operator == selection.NotEquals {
			term = fields.OneTermNotEqualSelector(requirement.Field, requirement.Value)
		}
		terms = append(terms, term)
	}
	return fields.AndSelectors(terms...)
}

// isStored tells whether the field at path has the same value, or none, in what is stored and in
// what is decoded, whichever versions the two are in.
func (r *rules) isStored(path string) bool {
	if path == "metadata.name" || path == "metadata.namespace" {
		return true
	}
	for _, root := range r.schemas {
		if !isDeclaredWithoutDefault(root, strings.Split(path, ".")) {
			return false
		}
	}
	return len(r.schemas) > 0
}

func isDeclaredWithoutDefault(node *apiextensions.JSONSchemaProps, path []string) bool {
	for _, name := range path {
		if node == nil || node.Default != nil {
			return false
		}
		child, declared := node.Properties[name]
		if !declared {
			return false
		}
		node = &child
	}
	return node.Default == nil
}

// definitions reads CustomResourceDefinitions from the storage of the API server that serves them.
type definitions struct {
	source atomic.Pointer[definitionSource]
}

type definitionSource struct {
	storage storage.Interface
	prefix  string
}

var definitionResource = schema.GroupResource{
	Group:    apiextensions.GroupName,
	Resource: "customresourcedefinitions",
}

// observe remembers the storage of the definitions when it comes by.
func (d *definitions) observe(resource schema.GroupResource, prefix string, s storage.Interface) {
	if resource == definitionResource {
		d.source.Store(&definitionSource{storage: s, prefix: prefix})
	}
}

// get reads the definition of a custom resource from the storage itself, never from a cache: it is
// at least as new as the one from which the caller's storage was made.
func (d *definitions) get(
	ctx context.Context, resource schema.GroupResource,
) (*apiextensions.CustomResourceDefinition, error) {
	source := d.source.Load()
	if source == nil {
		return nil, errors.New("no storage of custom resource definitions")
	}
	definition := &apiextensions.CustomResourceDefinition{}
	key := source.prefix + "/" + resource.String() // the name of a definition is PLURAL.GROUP
	if err := source.storage.Get(ctx, key, storage.GetOptions{}, definition); err != nil {
		return nil, err
	}
	return definition, nil
}
