package main

import (
	"slices"
	"strings"
	"testing"
)

func TestComponentIsNamedByTheFileOrByTheFirstArgument(t *testing.T) {
	for _, test := range []struct{ arguments, want []string }{
		{[]string{"kubectl", "get", "pods"}, []string{"kubectl", "get", "pods"}},
		{[]string{"/opt/bin/kube-apiserver", "--version"}, []string{"kube-apiserver", "--version"}},
		{[]string{"./kube-control-plane", "kubectl", "get"}, []string{"kubectl", "get"}},
		{[]string{"anything", "kube-scheduler"}, []string{"kube-scheduler"}},
		{[]string{"kubectl", "kube-apiserver"}, []string{"kubectl", "kube-apiserver"}},
	} {
		if got, err := componentArgs(test.arguments); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%q is %q, %v, want %q", test.arguments, got, err, test.want)
		}
	}
	for _, arguments := range [][]string{nil, {"kube-control-plane"}, {"kube-control-plane", "kubelet"}} {
		const known = "kube-apiserver, kube-controller-manager, kube-scheduler, kubectl"
		if got, err := componentArgs(arguments); err == nil || !strings.Contains(err.Error(), known) {
			t.Errorf("%q is %q, %v", arguments, got, err)
		}
	}
}
