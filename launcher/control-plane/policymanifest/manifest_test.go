// Package policymanifest only tests: it judges the manifest of the admission policy with the code
// of the Kubernetes version that is built here, so that a new version cannot make it wrong unseen.
package policymanifest

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/admissionregistration/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apiserver"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	aggregator "k8s.io/kube-aggregator/pkg/apiserver/scheme"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/admissionregistration"
	"k8s.io/kubernetes/pkg/apis/admissionregistration/validation"
	_ "k8s.io/kubernetes/pkg/controlplane" // registers the types of the API server
	strictyaml "sigs.k8s.io/yaml"
)

const path = "../../../manifests/skip-controller-manager-metadata-caching.yaml"

func documents(t *testing.T) [][]byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var parts [][]byte
	for _, part := range bytes.Split(text, []byte("\n---\n")) {
		json, err := yaml.ToJSON(part)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, json)
	}
	return parts
}

// decode reads one document as the type of its kind, refusing unknown fields.
func decode(t *testing.T, document []byte) runtime.Object {
	t.Helper()
	var kind struct{ Kind string }
	if err := strictyaml.Unmarshal(document, &kind); err != nil {
		t.Fatal(err)
	}
	object, err := legacyscheme.Scheme.New(v1.SchemeGroupVersion.WithKind(kind.Kind))
	if err != nil {
		t.Fatal(err)
	}
	if err := strictyaml.UnmarshalStrict(document, object); err != nil {
		t.Fatal(err)
	}
	return object
}

func validate(t *testing.T, object runtime.Object) field.ErrorList {
	t.Helper()
	internal, err := legacyscheme.Scheme.ConvertToVersion(object, admissionregistration.SchemeGroupVersion)
	if err != nil {
		t.Fatal(err)
	}
	switch typed := internal.(type) {
	case *admissionregistration.MutatingAdmissionPolicy:
		return validation.ValidateMutatingAdmissionPolicy(typed)
	case *admissionregistration.MutatingAdmissionPolicyBinding:
		return validation.ValidateMutatingAdmissionPolicyBinding(typed)
	}
	t.Fatalf("unexpected %T", internal)
	return nil
}

func TestTheServerAcceptsTheManifestAndAddsNothing(t *testing.T) {
	all := documents(t)
	if len(all) != 2 {
		t.Fatalf("%d documents, want 2", len(all))
	}
	for _, document := range all {
		object := decode(t, document)
		defaulted := object.DeepCopyObject()
		legacyscheme.Scheme.Default(defaulted)
		// The launcher takes any difference for a change made by hand.
		if !apiequality.Semantic.DeepEqual(object, defaulted) {
			t.Errorf("defaults change the object: %#v", defaulted)
		}
		if errs := validate(t, defaulted); len(errs) != 0 {
			t.Error(errs.ToAggregate())
		}
	}
}

func TestTheExcludedGroupsAreThoseOfKubernetes(t *testing.T) {
	want := sets.New[string]()
	for _, scheme := range []*runtime.Scheme{
		legacyscheme.Scheme, aggregator.Scheme, apiextensions.Scheme,
	} {
		for _, version := range scheme.PrioritizedVersionsAllGroups() {
			want.Insert(version.Group)
		}
	}
	policy := decode(t, documents(t)[0]).(*v1.MutatingAdmissionPolicy)
	rules := policy.Spec.MatchConstraints.ExcludeResourceRules
	if len(rules) != 1 {
		t.Fatalf("%d rules, want 1", len(rules))
	}
	got := sets.New(rules[0].APIGroups...)
	if missing := want.Difference(got); missing.Len() > 0 {
		t.Errorf("groups of Kubernetes that the policy would label: %q", sets.List(missing))
	}
	// More than the types that are served may be listed (review types of webhooks), but nothing
	// that a CustomResourceDefinition may use.
	for _, group := range sets.List(got.Difference(want)) {
		if strings.Contains(group, ".") && !slices.Contains(reviewGroups, group) {
			t.Errorf("%q is not a group of Kubernetes, so it may belong to custom resources", group)
		}
	}
}

// Groups of Kubernetes whose types are sent to webhooks or are answers, and never stored.
var reviewGroups = []string{"admission.k8s.io", "apidiscovery.k8s.io", "lifecycle.k8s.io"}
