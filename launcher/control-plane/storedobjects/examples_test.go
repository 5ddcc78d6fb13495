package storedobjects

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"
	coordinationv1beta1 "k8s.io/api/coordination/v1beta1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	extensionsv1beta1 "k8s.io/api/extensions/v1beta1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// example is an object as it might be stored: in the version of its type, without any defaulting.
type example struct {
	what   string
	object runtime.Object
	// undecided marks what kubase does not decide by itself, though kube-apiserver does.
	undecided bool
}

var (
	labels       = map[string]string{"app": "shop", "example.com/tier": "", "z": "ünder"}
	ofNamespace  = metav1.ObjectMeta{Name: "n", Namespace: "s", Labels: labels, UID: "0b1c2d3e"}
	ofCluster    = metav1.ObjectMeta{Name: "n", Labels: labels, UID: "0b1c2d3e"}
	bareInSpace  = metav1.ObjectMeta{Name: "n", Namespace: "s"}
	bare         = metav1.ObjectMeta{Name: "n"}
	withTemplate = corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}}
)

func of[T any](value T) *T { return &value }

// examples has for each resource an object without anything, one with everything that is selected
// by, and what decoding makes something else of. Resources are named by their storage prefix.
var examples = map[string][]example{
	"certificatesigningrequests": {
		{"nothing", &certificatesv1.CertificateSigningRequest{ObjectMeta: bare}, false},
		{"everything", &certificatesv1.CertificateSigningRequest{ObjectMeta: ofCluster,
			Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: "example.com/signer"}}, false},
		{"a version that gets a signer", &certificatesv1beta1.CertificateSigningRequest{ObjectMeta: ofCluster}, true},
	},
	"clustertrustbundles": {
		{"nothing", &certificatesv1beta1.ClusterTrustBundle{ObjectMeta: bare}, false},
		{"everything", &certificatesv1beta1.ClusterTrustBundle{ObjectMeta: ofCluster,
			Spec: certificatesv1beta1.ClusterTrustBundleSpec{SignerName: "example.com/signer"}}, false},
	},
	"configmaps": {
		{"nothing", &corev1.ConfigMap{ObjectMeta: bareInSpace}, false},
		{"everything", &corev1.ConfigMap{ObjectMeta: ofNamespace, Data: labels}, false},
	},
	"controllers": {
		{"nothing", &corev1.ReplicationController{ObjectMeta: bareInSpace}, false},
		{"everything", &corev1.ReplicationController{ObjectMeta: ofNamespace,
			Spec:   corev1.ReplicationControllerSpec{Replicas: of[int32](4), Template: of(withTemplate)},
			Status: corev1.ReplicationControllerStatus{Replicas: 3}}, false},
		{"labels of the template", &corev1.ReplicationController{ObjectMeta: bareInSpace,
			Spec: corev1.ReplicationControllerSpec{Template: of(withTemplate)}}, false},
	},
	"events": {
		{"nothing", &corev1.Event{ObjectMeta: bareInSpace}, false},
		{"everything", &corev1.Event{ObjectMeta: ofNamespace,
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "s", Name: "p", UID: "1-2",
				APIVersion: "v1", ResourceVersion: "77", FieldPath: "spec.containers{a,b=c}"},
			Reason: "Scheduled", Type: corev1.EventTypeWarning, Source: corev1.EventSource{Component: "kubelet"},
			ReportingController: "example.com/controller"}, false},
		{"the source is the controller", &corev1.Event{ObjectMeta: ofNamespace,
			Source: corev1.EventSource{Host: "h"}, ReportingController: "example.com/controller"}, false},
		{"an event of the other group", &eventsv1.Event{ObjectMeta: ofNamespace, Reason: "Scheduled",
			Regarding: corev1.ObjectReference{Kind: "Pod", Namespace: "s", Name: "p"}}, true},
	},
	"jobs": {
		{"nothing", &batchv1.Job{ObjectMeta: bareInSpace}, false},
		{"everything", &batchv1.Job{ObjectMeta: ofNamespace, Spec: batchv1.JobSpec{Template: withTemplate},
			Status: batchv1.JobStatus{Active: 1, Succeeded: 2}}, false},
		{"labels of the template", &batchv1.Job{ObjectMeta: bareInSpace,
			Spec: batchv1.JobSpec{Template: withTemplate}}, false},
	},
	"leasecandidates": {
		{"nothing", &coordinationv1beta1.LeaseCandidate{ObjectMeta: bareInSpace}, false},
		{"everything", &coordinationv1beta1.LeaseCandidate{ObjectMeta: ofNamespace,
			Spec: coordinationv1beta1.LeaseCandidateSpec{LeaseName: "l"}}, false},
	},
	"minions": {
		{"nothing", &corev1.Node{ObjectMeta: bare}, false},
		{"everything", &corev1.Node{ObjectMeta: ofCluster, Spec: corev1.NodeSpec{Unschedulable: true}}, false},
	},
	"namespaces": {
		{"nothing", &corev1.Namespace{ObjectMeta: bare}, false},
		{"everything", &corev1.Namespace{ObjectMeta: ofCluster,
			Status: corev1.NamespaceStatus{Phase: corev1.NamespaceTerminating}}, false},
		{"the label of its name is wrong", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "n",
			Labels: map[string]string{corev1.LabelMetadataName: "other"}}}, false},
	},
	"podcertificaterequests": {
		{"nothing", &certificatesv1beta1.PodCertificateRequest{ObjectMeta: bareInSpace}, false},
		{"everything", &certificatesv1beta1.PodCertificateRequest{ObjectMeta: ofNamespace,
			Spec: certificatesv1beta1.PodCertificateRequestSpec{SignerName: "example.com/signer",
				PodName: "p", NodeName: "host"}}, false},
	},
	"pods": {
		{"nothing", &corev1.Pod{ObjectMeta: bareInSpace}, false},
		{"everything", &corev1.Pod{ObjectMeta: ofNamespace,
			Spec: corev1.PodSpec{NodeName: "host", RestartPolicy: corev1.RestartPolicyNever, HostNetwork: true,
				SchedulerName: "mine", ServiceAccountName: "account", DeprecatedServiceAccount: "old"},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, NominatedNodeName: "other", PodIP: "10.0.0.1",
				PodIPs: []corev1.PodIP{{IP: "10.0.0.1"}, {IP: "fd00::1"}}}}, false},
		{"the old name of the account", &corev1.Pod{ObjectMeta: ofNamespace,
			Spec: corev1.PodSpec{DeprecatedServiceAccount: "old"}}, false},
		{"the address is not in the list", &corev1.Pod{ObjectMeta: ofNamespace,
			Status: corev1.PodStatus{PodIP: "10.0.0.1", PodIPs: []corev1.PodIP{{IP: "10.0.0.2"}}}}, false},
		{"the address without the list", &corev1.Pod{ObjectMeta: ofNamespace,
			Status: corev1.PodStatus{PodIP: "10.0.0.1"}}, false},
		{"the list without the address", &corev1.Pod{ObjectMeta: ofNamespace,
			Status: corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: "10.0.0.2"}, {IP: "fd00::1"}}}}, true},
	},
	"replicasets": {
		{"nothing", &appsv1.ReplicaSet{ObjectMeta: bareInSpace}, false},
		{"everything", &appsv1.ReplicaSet{ObjectMeta: ofNamespace,
			Spec:   appsv1.ReplicaSetSpec{Replicas: of[int32](4), Template: withTemplate},
			Status: appsv1.ReplicaSetStatus{Replicas: 3}}, false},
		{"labels in the template only", &appsv1.ReplicaSet{ObjectMeta: bareInSpace,
			Spec: appsv1.ReplicaSetSpec{Template: withTemplate}}, false},
		{"a version that gets the labels of its template", &extensionsv1beta1.ReplicaSet{
			ObjectMeta: bareInSpace, Spec: extensionsv1beta1.ReplicaSetSpec{Template: withTemplate}}, true},
	},
	"resourceslices": {
		{"nothing", &resourcev1.ResourceSlice{ObjectMeta: bare}, false},
		{"everything", &resourcev1.ResourceSlice{ObjectMeta: ofCluster,
			Spec: resourcev1.ResourceSliceSpec{Driver: "gpu.example.com", NodeName: of("host"),
				Pool: resourcev1.ResourcePool{Name: "pool", Generation: 1, ResourceSliceCount: 1}}}, false},
	},
	"secrets": {
		{"nothing", &corev1.Secret{ObjectMeta: bareInSpace}, false},
		{"everything", &corev1.Secret{ObjectMeta: ofNamespace, Type: corev1.SecretTypeTLS,
			Data: map[string][]byte{"a": {0, 0xff}}}, false},
	},
	"services/specs": {
		{"nothing", &corev1.Service{ObjectMeta: bareInSpace}, false},
		{"everything", &corev1.Service{ObjectMeta: ofNamespace, Spec: corev1.ServiceSpec{
			ClusterIP: "10.0.0.9", ClusterIPs: []string{"10.0.0.9"}, Type: corev1.ServiceTypeNodePort}}, false},
		{"the list of addresses only", &corev1.Service{ObjectMeta: ofNamespace,
			Spec: corev1.ServiceSpec{ClusterIPs: []string{"10.0.0.9"}}}, false},
	},
}
