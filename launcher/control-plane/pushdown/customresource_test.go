package pushdown

import (
	"context"
	"errors"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage"
)

var widgets = schema.GroupResource{Group: "example.com", Resource: "widgets"}

// definitionStorage is the storage of CustomResourceDefinitions; it holds one.
type definitionStorage struct {
	storage.Interface
	definition *apiextensions.CustomResourceDefinition
	err        error
	keys       []string
}

func (s *definitionStorage) Get(_ context.Context, key string, _ storage.GetOptions, into runtime.Object) error {
	s.keys = append(s.keys, key)
	if s.err != nil {
		return s.err
	}
	s.definition.DeepCopyInto(into.(*apiextensions.CustomResourceDefinition))
	return nil
}

func layerOver(definitions *definitionStorage) *Layer {
	layer := NewLayer()
	layer.definitions.observe(definitionResource, "/apiextensions.k8s.io/customresourcedefinitions", definitions)
	return layer
}

func newWidget() runtime.Object {
	widget := &unstructured.Unstructured{}
	widget.SetAPIVersion("example.com/v1")
	widget.SetKind("Widget")
	return widget
}

func predicate(t *testing.T, labelSelector, fieldSelector string) storage.SelectionPredicate {
	t.Helper()
	parsedLabels, err := labels.Parse(labelSelector)
	if err != nil {
		t.Fatal(err)
	}
	parsedFields, err := fields.ParseSelector(fieldSelector)
	if err != nil {
		t.Fatal(err)
	}
	return storage.SelectionPredicate{Label: parsedLabels, Field: parsedFields}
}

type schemas = map[string]apiextensions.JSONSchemaProps

func object(properties schemas) apiextensions.JSONSchemaProps {
	return apiextensions.JSONSchemaProps{Type: "object", Properties: properties}
}

func defaulted(schema apiextensions.JSONSchemaProps, value apiextensions.JSON) apiextensions.JSONSchemaProps {
	schema.Default = &value
	return schema
}

func version(
	name string, isStorage bool, spec *apiextensions.JSONSchemaProps,
) apiextensions.CustomResourceDefinitionVersion {
	result := apiextensions.CustomResourceDefinitionVersion{Name: name, Served: true, Storage: isStorage}
	if spec != nil {
		root := object(schemas{"spec": *spec})
		result.Schema = &apiextensions.CustomResourceValidation{OpenAPIV3Schema: &root}
	}
	return result
}

func definition(strategy apiextensions.ConversionStrategyType,
	versions ...apiextensions.CustomResourceDefinitionVersion) *apiextensions.CustomResourceDefinition {
	return &apiextensions.CustomResourceDefinition{
		Spec: apiextensions.CustomResourceDefinitionSpec{
			Versions:   versions,
			Conversion: &apiextensions.CustomResourceConversion{Strategy: strategy},
		},
	}
}

func withoutSchema() *apiextensions.CustomResourceDefinition {
	return definition(apiextensions.NoneConverter, version("v1", true, nil))
}

func TestSelectorsOfCustomResourcesAreSentWhereTheStoredBytesAnswerThem(t *testing.T) {
	text := apiextensions.JSONSchemaProps{Type: "string"}
	colored := object(schemas{"color": text, "size": text})
	blue := object(schemas{"color": defaulted(text, "blue"), "size": text})
	blueSpec := defaulted(colored, map[string]any{"color": "blue"})
	sized := object(schemas{"size": text})
	none, webhook := apiextensions.NoneConverter, apiextensions.WebhookConverter
	sameForAll := definition(none, version("v1", true, nil), version("v2", false, nil))
	root := object(schemas{"spec": colored})
	sameForAll.Spec.Validation = &apiextensions.CustomResourceValidation{OpenAPIV3Schema: &root}
	withoutConversion := definition(none, version("v1", true, &colored))
	withoutConversion.Spec.Conversion = nil

	const both = "spec.color=red,spec.size!=big"
	for _, test := range []struct {
		name       string
		definition *apiextensions.CustomResourceDefinition
		fields     string
		wantLabels string
		wantFields string
	}{
		{"one version", definition(none, version("v1", true, &colored)), both, "app=a", both},
		{"no conversion is the strategy None", withoutConversion, both, "app=a", both},
		{"None, another version than the stored one",
			definition(none, version("v1", true, &colored), version("v2", false, &colored)), both, "app=a", both},
		{"a schema for all versions", sameForAll, both, "app=a", both},
		{"webhook", definition(webhook, version("v1", true, &colored)), both, "", ""},
		{"a field with a default", definition(none, version("v1", true, &blue)), both, "app=a", "spec.size!=big"},
		{"a default of the parent", definition(none, version("v1", true, &blueSpec)), both, "app=a", ""},
		{"a field with a default in another version",
			definition(none, version("v1", true, &colored), version("v2", false, &blue)), both, "app=a", "spec.size!=big"},
		{"a field that another version drops",
			definition(none, version("v1", true, &sized), version("v2", false, &colored)), both, "app=a", "spec.size!=big"},
		{"no schema", definition(none, version("v1", true, nil)), both, "app=a", ""},
		{"name and namespace", definition(none, version("v1", true, nil)),
			"metadata.name=x,metadata.namespace!=y", "app=a", "metadata.name=x,metadata.namespace!=y"},
		{"a value with every special character", definition(none, version("v1", true, &colored)),
			`spec.color=a\,b\=c\\d`, "app=a", `spec.color=a\,b\=c\\d`},
	} {
		t.Run(test.name, func(t *testing.T) {
			layer := layerOver(&definitionStorage{definition: test.definition})
			permits := layer.permitsFor(widgets, newWidget)
			gotLabels, gotFields := permits.selectors(context.Background(), predicate(t, "app=a", test.fields))
			if gotLabels != test.wantLabels || gotFields != test.wantFields {
				t.Errorf("sent %q and %q, want %q and %q", gotLabels, gotFields, test.wantLabels, test.wantFields)
			}
		})
	}
}

func TestDefinitionIsReadOnce(t *testing.T) {
	stored := &definitionStorage{definition: withoutSchema()}
	permits := layerOver(stored).permitsFor(widgets, newWidget)
	for range 2 {
		if got, _ := permits.selectors(context.Background(), predicate(t, "app=a", "")); got != "app=a" {
			t.Errorf("label selector: %q", got)
		}
	}
	const key = "/apiextensions.k8s.io/customresourcedefinitions/widgets.example.com"
	if len(stored.keys) != 1 || stored.keys[0] != key {
		t.Errorf("reads of the definition: %q", stored.keys)
	}
}

func TestNothingIsSentWhileTheDefinitionCannotBeRead(t *testing.T) {
	stored := &definitionStorage{
		definition: withoutSchema(),
		err:        errors.New("unavailable"),
	}
	permits := layerOver(stored).permitsFor(widgets, newWidget)
	if got, _ := permits.selectors(context.Background(), predicate(t, "app=a", "")); got != "" {
		t.Errorf("label selector while the storage fails: %q", got)
	}
	stored.err = nil
	if got, _ := permits.selectors(context.Background(), predicate(t, "app=a", "")); got != "app=a" {
		t.Errorf("label selector when the storage is back: %q", got)
	}
	orphan := NewLayer().permitsFor(widgets, newWidget)
	if got, _ := orphan.selectors(context.Background(), predicate(t, "app=a", "")); got != "" {
		t.Errorf("label selector without a storage of definitions: %q", got)
	}
}
