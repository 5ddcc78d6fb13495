// Command etcdctl is etcd's own command line client, built from its Go module, so that the tests
// can show that it works against our server.
package main

import "go.etcd.io/etcd/etcdctl/v3/ctlv3"

func main() {
	ctlv3.MustStart()
}
