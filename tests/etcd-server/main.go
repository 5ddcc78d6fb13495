// Command etcd is an ordinary etcd server, built from its Go module. The tests of tests/etcd use it
// as the oracle: what it answers is what our server has to answer.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
