package storedobjects

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	shirts  = "shirts.example.com"
	crdName = "customresourcedefinitions.apiextensions.k8s.io"
)

var shirtPaths = []string{".spec.color", ".spec.size-2.inner_x", ".top"}

// customExamples are the parts of an object that follow its metadata.
var customExamples = []struct {
	what, rest string
	undecided  bool
}{
	{"nothing", ``, false},
	{"texts", `,"spec":{"color":"r\u00e9d \"1\"","size-2":{"inner_x":"L"}},"top":""`, false},
	{"flags", `,"spec":{"color":true,"size-2":{"inner_x":false}}`, false},
	{"integers", `,"spec":{"color":0,"size-2":{"inner_x":-7}},"top":9223372036854775807`, false},
	{"the least integer", `,"top":-9223372036854775808`, false},
	{"null is nothing", `,"spec":{"color":null,"size-2":null},"top":null`, false},
	{"no object on the way", `,"spec":{"size-2":{}}`, false},
	{"names of other cases", `,"Spec":{"color":"red"},"spec":{"Color":"red"}`, false},
	{"an escaped name", `,"sp\u0065c":{"color":"red"}`, false},
	{"a fraction", `,"top":1.5`, true},
	{"a fraction that is an integer", `,"top":3.0`, true},
	{"an exponent", `,"top":1e3`, true},
	{"more than an integer", `,"top":9223372036854775808`, true},
	{"an object", `,"top":{"a":1}`, true},
	{"a list", `,"top":[1]`, true},
	{"a text on the way", `,"spec":"red"`, true},
	{"a name that comes twice", `,"top":"a","top":"b"`, true},
}

const shirtMetadata = `"metadata":{"name":"n","namespace":"s","labels":{"b":"2","a":"1"}}`

func customLines(t *testing.T) []line {
	t.Helper()
	var fields []apiextensionsv1.SelectableField
	for _, path := range shirtPaths {
		fields = append(fields, apiextensionsv1.SelectableField{JSONPath: path})
	}
	version := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Shirt"}
	strategy := customresource.NewStrategy(nil, true, version, nil, nil, nil, nil, nil, fields)
	var result []line
	for _, e := range customExamples {
		text := `{"apiVersion":"example.com/v1","kind":"Shirt",` + shirtMetadata + e.rest + `}`
		object, _, err := unstructured.UnstructuredJSONScheme.Decode([]byte(text), nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", e.what, err)
		}
		labels, values, err := strategy.GetAttrs(object)
		if err != nil {
			t.Fatalf("%s: %v", e.what, err)
		}
		delete(values, "metadata.name")
		delete(values, "metadata.namespace")
		result = append(result, line{What: e.what, Resource: shirts, Paths: shirtPaths,
			Key: keyOf(t, object), JSON: text, Undecided: e.undecided, Labels: labels, Fields: values})
	}
	return result
}

// shirtDefinition has a version for each list of paths that can be selected by.
func shirtDefinition(paths ...[]string) *apiextensionsv1.CustomResourceDefinition {
	version := func(name string, paths []string) apiextensionsv1.CustomResourceDefinitionVersion {
		v := apiextensionsv1.CustomResourceDefinitionVersion{Name: name, Served: true, Storage: name == "v1",
			Schema: &apiextensionsv1.CustomResourceValidation{
				OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object"}}}
		for _, path := range paths {
			v.SelectableFields = append(v.SelectableFields, apiextensionsv1.SelectableField{JSONPath: path})
		}
		return v
	}
	var versions []apiextensionsv1.CustomResourceDefinitionVersion
	for i, of := range paths {
		versions = append(versions, version(fmt.Sprintf("v%d", i+1), of))
	}
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: shirts, Labels: labels},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "example.com", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Plural: "shirts", Singular: "shirt", Kind: "Shirt", ListKind: "ShirtList"},
			Versions: versions,
		},
	}
}

// asV1beta1 is a definition in the version that kube-apiserver stores (cmd/kube-apiserver
// app/apiextensions.go): what all versions of the resource have in common is not in them.
func asV1beta1(t *testing.T, object runtime.Object) runtime.Object {
	t.Helper()
	internal := schema.GroupVersion{Group: apiextensionsv1.GroupName, Version: runtime.APIVersionInternal}
	for _, version := range []runtime.GroupVersioner{internal, apiextensionsv1beta1.SchemeGroupVersion} {
		var err error
		if object, err = apiextensions.Scheme.ConvertToVersion(object, version); err != nil {
			t.Fatal(err)
		}
	}
	return object
}

func definitionLines(t *testing.T) []line {
	t.Helper()
	size, color := ".spec.size", ".spec.color"
	different := shirtDefinition([]string{size, color}, []string{color}, nil)
	same := shirtDefinition([]string{size, color}, []string{size, color})
	one := shirtDefinition([]string{size, color})
	var result []line
	for _, object := range []runtime.Object{
		different, asV1beta1(t, different), asV1beta1(t, same), asV1beta1(t, one),
	} {
		for _, mediaType := range []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf} {
			l := line{What: "a definition", Resource: crdName, Key: shirts,
				Labels: labels, Fields: map[string]string{},
				Definition: &definition{Resource: shirts, Paths: []string{color, size}}}
			value := encode(t, apiextensions.Scheme, apiextensions.Codecs, mediaType, object)
			l.setValue(mediaType, value)
			result = append(result, l)
		}
	}
	return result
}

// fieldsOf returns the JSON paths of a type, down to a depth.
func fieldsOf(goType reflect.Type, depth int) []string {
	for goType.Kind() == reflect.Pointer || goType.Kind() == reflect.Slice {
		goType = goType.Elem()
	}
	if goType.Kind() != reflect.Struct || depth == 0 {
		return nil
	}
	var result []string
	for i := range goType.NumField() {
		field := goType.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		result = append(result, name)
		for _, inner := range fieldsOf(field.Type, depth-1) {
			result = append(result, name+"."+inner)
		}
	}
	return result
}
