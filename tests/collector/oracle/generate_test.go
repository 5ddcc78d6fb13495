package oracle

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const skipLabel = "skip-controller-manager-metadata-caching"

// What random objects are made of: few UIDs, so that changes hit, and all that a reader of text may
// stumble over.
var (
	texts = []string{"", "a", "shop", "example.com/f", "ünder", "日本", "😀", `"`, `\`, `\"},{[`, "<&>", "\n\t\x01",
		"{", "]", ",", ":", "metadata", "null", strings.Repeat("long ", 60)}
	uids       = []types.UID{"", "u-1", "u-2", "u-3", "u-4", "ü"}
	finalizers = []string{"orphan", "foregroundDeletion", "example.com/f", "ü\"\\", "kubernetes"}
)

type generator struct{ *rand.Rand }

func (g generator) sometimes(in int) bool { return g.IntN(in) == 0 }

func of[T any](g generator, list []T) T { return list[g.IntN(len(list))] }

// some is null, or a pointer to what `make` gives.
func some[T any](g generator, make func() T) *T {
	if g.sometimes(2) {
		return nil
	}
	value := make()
	return &value
}

func many[T any](g generator, most int, make func() T) []T {
	var list []T
	for range g.IntN(most + 1) {
		list = append(list, make())
	}
	return list
}

func (g generator) text() string { return of(g, texts) }
func (g generator) flag() bool   { return g.sometimes(2) }
func (g generator) number() int64 {
	return of(g, []int64{0, 1, 30, -1, 1 << 40, -1 << 63, 1<<63 - 1})
}

// time has no fractions: objects keep none.
func (g generator) time() metav1.Time {
	return metav1.Time{Time: time.Unix(of(g, []int64{1_700_000_000, -1_000_000_000, 1, 1_767_323_045})+g.Int64N(1e8), 0)}
}

func (g generator) texts() map[string]string {
	var result map[string]string
	for range g.IntN(4) {
		if result == nil {
			result = map[string]string{}
		}
		result[g.text()] = g.text()
	}
	return result
}

func (g generator) owner() metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: of(g, []string{"v1", "apps/v1", "x.io/v1"}), Kind: g.text(), Name: g.text(),
		UID: of(g, uids), Controller: some(g, g.flag), BlockOwnerDeletion: some(g, g.flag)}
}

func (g generator) managed() metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: g.text(), Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1",
		Time: some(g, g.time), FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:finalizers":{}}}`)}
}

func (g generator) meta() metav1.ObjectMeta {
	meta := metav1.ObjectMeta{Name: g.text(), GenerateName: g.text(), Namespace: g.text(), UID: of(g, uids),
		ResourceVersion: g.text(), Labels: g.texts(), Annotations: g.texts(), DeletionTimestamp: some(g, g.time),
		OwnerReferences: many(g, 4, g.owner), Finalizers: many(g, 3, func() string { return of(g, finalizers) }),
		ManagedFields: many(g, 2, g.managed), DeletionGracePeriodSeconds: some(g, g.number)}
	if g.flag() {
		meta.Generation = g.number()
	}
	if g.flag() {
		meta.CreationTimestamp = g.time()
	}
	if g.sometimes(4) {
		meta.Labels = map[string]string{skipLabel: g.text(), "a": "b"}
	}
	if g.sometimes(16) {
		meta = metav1.ObjectMeta{}
	}
	return meta
}

func (g generator) pod() corev1.PodSpec {
	return corev1.PodSpec{NodeName: g.text(), RestartPolicy: corev1.RestartPolicy(g.text()),
		TerminationGracePeriodSeconds: some(g, g.number), HostNetwork: g.flag(), NodeSelector: g.texts(),
		Containers: many(g, 2, func() corev1.Container {
			return corev1.Container{Name: g.text(), Image: g.text(), Args: many(g, 3, g.text),
				Env: many(g, 2, func() corev1.EnvVar { return corev1.EnvVar{Name: g.text(), Value: g.text()} }),
				Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{
					corev1.ResourceCPU: *resource.NewMilliQuantity(g.Int64N(5000), resource.DecimalSI)}},
				LivenessProbe: some(g, func() corev1.Probe {
					return corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{
						Port: intstr.FromString(g.text())}}}
				})}
		})}
}

func kind(apiVersion, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}
}

// builtIn gives an object of a type that kube-apiserver stores as protobuf.
func (g generator) builtIn() runtime.Object {
	switch g.IntN(5) {
	case 0:
		return &corev1.ConfigMap{TypeMeta: kind("v1", "ConfigMap"), ObjectMeta: g.meta(), Data: g.texts(),
			BinaryData: map[string][]byte{g.text(): {0, 0xff}}, Immutable: some(g, g.flag)}
	case 1:
		return &corev1.Secret{TypeMeta: kind("v1", "Secret"), ObjectMeta: g.meta(), Type: corev1.SecretTypeOpaque,
			Data: map[string][]byte{g.text(): []byte(strings.Repeat("\x00k8s", g.IntN(100)))}}
	case 2:
		return &corev1.Pod{TypeMeta: kind("v1", "Pod"), ObjectMeta: g.meta(), Spec: g.pod(),
			Status: corev1.PodStatus{Phase: corev1.PodRunning, Message: g.text(), StartTime: some(g, g.time)}}
	case 3:
		return &appsv1.Deployment{TypeMeta: kind("apps/v1", "Deployment"), ObjectMeta: g.meta(),
			Spec: appsv1.DeploymentSpec{Replicas: some(g, func() int32 { return 3 }),
				Selector: &metav1.LabelSelector{MatchLabels: g.texts()},
				Template: corev1.PodTemplateSpec{ObjectMeta: g.meta(), Spec: g.pod()}},
			Status: appsv1.DeploymentStatus{ObservedGeneration: g.number()}}
	default:
		return &corev1.Namespace{TypeMeta: kind("v1", "Namespace"), ObjectMeta: g.meta(),
			Spec: corev1.NamespaceSpec{Finalizers: many(g, 2, func() corev1.FinalizerName { return "kubernetes" })},
			Status: corev1.NamespaceStatus{Phase: corev1.NamespacePhase(of(g, []string{"", "Active"})),
				Conditions: many(g, 1, func() corev1.NamespaceCondition {
					return corev1.NamespaceCondition{Type: corev1.NamespaceContentRemaining, Message: g.text()}
				})}}
	}
}

// --- JSON as text --------------------------------------------------------------------------------

var (
	spaces  = []string{"", "", "", " ", "\n\t", " \r\n  "}
	scalars = []string{"null", "true", "false", "0", "-0", "1", "-17", "1.50e3", "0.1", "-1.5E-7", "1E2",
		"9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551615", "1e300"}
	strs = []string{`""`, `"a"`, `"é"`, `"\u00e9"`, `"\ud83d\ude00"`, `"😀"`, `"\""`, `"\\"`, `"\\\""`, `"}{]["`,
		`",:"`, `"\/\b\f\n\r\t\u0000"`, `"metadata"`, `"{\"uid\":\"u-1\"}"`}
	timestamps = []string{"null", `"2026-01-02T03:04:05Z"`, `"2026-01-02T03:04:05.678Z"`, `"2026-01-02T04:04:05+01:00"`,
		`"1969-12-31T23:59:59.5Z"`, `"2024-02-29T00:00:00-23:59"`, `"2026-01-02T03:04:05.5+01:30"`}
)

func (g generator) space() string { return of(g, spaces) }

func (g generator) list(open string, parts []string, end string) string {
	for i, part := range parts {
		parts[i] = g.space() + part + g.space()
	}
	if len(parts) == 0 {
		parts = []string{g.space()}
	}
	return open + strings.Join(parts, ",") + end
}

// name may be escaped.
func (g generator) name(name string) string {
	if g.sometimes(12) {
		at := g.IntN(len(name))
		return fmt.Sprintf(`"%s\u%04x%s"`, name[:at], name[at], name[at+1:])
	}
	return `"` + name + `"`
}

func (g generator) member(name, value string) string {
	return g.name(name) + g.space() + ":" + g.space() + value
}

// object has its members in any order, each name once.
func (g generator) object(members ...string) string {
	g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return g.list("{", members, "}")
}

func (g generator) anything(depth int) string {
	switch n := g.IntN(6); {
	case n == 0 && depth > 0:
		return g.list("[", many(g, 3, func() string { return g.anything(depth - 1) }), "]")
	case n < 3 && depth > 0:
		return g.object(g.others(depth - 1)...)
	case n == 3:
		return of(g, scalars)
	default:
		return of(g, strs)
	}
}

// others are members that Kubernetes does not know.
func (g generator) others(depth int) []string {
	var members []string
	for i := range g.IntN(4) {
		members = append(members, g.member(fmt.Sprint("x", i), g.anything(depth)))
	}
	return members
}

// or adds the member in most cases, null in some.
func (g generator) or(members []string, name string, value func() string) []string {
	switch g.IntN(8) {
	case 0, 1, 2:
		return members
	case 3:
		return append(members, g.member(name, "null"))
	default:
		return append(members, g.member(name, value()))
	}
}

func (g generator) customOwner() string {
	members := g.others(1)
	for _, name := range []string{"apiVersion", "kind", "name"} {
		members = g.or(members, name, func() string { return of(g, strs) })
	}
	members = g.or(members, "uid", func() string { return `"` + string(of(g, uids)) + `"` })
	members = g.or(members, "blockOwnerDeletion", func() string { return of(g, scalars[1:3]) })
	members = g.or(members, "controller", func() string { return of(g, scalars[1:3]) })
	return g.object(members...)
}

func (g generator) customMeta() string {
	members := g.others(2)
	members = g.or(members, "uid", func() string { return of(g, strs) })
	members = g.or(members, "generation", func() string { return fmt.Sprint(g.number()) })
	members = g.or(members, "deletionTimestamp", func() string { return of(g, timestamps) })
	members = g.or(members, "deletionGracePeriodSeconds", func() string { return fmt.Sprint(g.number()) })
	members = g.or(members, "labels", func() string {
		return g.object(g.member(of(g, []string{skipLabel, "a"}), of(g, strs)), g.member("b", of(g, strs)))
	})
	members = g.or(members, "finalizers", func() string {
		return g.list("[", many(g, 3, func() string { return of(g, strs) }), "]")
	})
	members = g.or(members, "ownerReferences", func() string {
		return g.list("[", many(g, 3, g.customOwner), "]")
	})
	return g.object(members...)
}

// custom gives the text of a custom resource.
func (g generator) custom() []byte {
	members := append(g.others(3), g.member("apiVersion", `"x.io/v1"`), g.member("kind", `"Shirt"`))
	members = g.or(members, "metadata", g.customMeta)
	members = g.or(members, "status", func() string {
		return g.object(g.or(g.others(2), "phase", func() string { return of(g, strs) })...)
	})
	return []byte(g.space() + g.object(members...) + g.space())
}
