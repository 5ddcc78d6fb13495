// Package databasetls connects kubase to a database server by TLS (tests/databases, --tls).
package databasetls

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

// directoryVariable names the directory with the certificates.
const directoryVariable = "KUBASE_TEST_TLS"

// The names of the parameters of an endpoint.
type names struct{ ca, certificate, key, mode, verify, encrypt, plain string }

var (
	postgres = names{
		"sslrootcert", "sslcert", "sslkey", "sslmode", "verify-full", "require", "disable",
	}
	mariadb = names{"ca_file", "cert_file", "key_file", "tls", "true", "skip-verify", "false"}
)

// attempt is a connection as somebody configures it.
type attempt struct {
	user   string
	host   string // the certificate is for "localhost"
	ca     string
	client string // whose certificate is shown
	mode   string
	// refusal is what the error has to say; without it the connection works.
	refusal []string
}

func TestConnections(t *testing.T) {
	of := mariadb
	if server.IsPostgres() {
		of = postgres
	}
	for name, a := range map[string]attempt{
		"the CA is named":        {user: "secured", ca: "ca"},
		"verification asked":     {user: "secured", ca: "ca", mode: of.verify},
		"no TLS":                 {user: "secured", mode: of.plain, refusal: []string{"secured"}},
		"encryption alone":       {user: "secured", host: "127.0.0.1", mode: of.encrypt},
		"wrong CA":               {user: "secured", ca: "other-ca", refusal: []string{"certificate"}},
		"wrong name":             {user: "secured", host: "127.0.0.1", ca: "ca", refusal: []string{"certificate", "127"}},
		"absent CA":              {user: "secured", ca: "absent", refusal: []string{"absent.crt"}},
		"client":                 {user: "certified", ca: "ca", client: "client"},
		"client without":         {user: "certified", ca: "ca", refusal: []string{"certif"}},
		"client of another CA":   {user: "certified", ca: "ca", client: "other-client", refusal: []string{"certif"}},
		"client with absent key": {user: "certified", ca: "ca", client: "absent", refusal: []string{"absent"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.check(t, of)
		})
	}
}

func (a attempt) check(t *testing.T, of names) {
	s := server.Prepare(t, server.Kubase(t), a.options(of))
	if len(a.refusal) > 0 {
		said := s.FailToStart()
		t.Log(said)
		for _, word := range append(a.refusal, "error: ") {
			expect.True(t, strings.Contains(said, word), "%q does not say %q", said, word)
		}
		return
	}
	expect.Equal(t, "started", s.Launch(), true)
	c := s.Client(t)
	expect.Equal(t, "revision", c.Put("k", "v").Header.Revision, 2)
	expect.Equal(t, "value", string(c.Get("k").Kvs[0].Value), "v")
}

func (a attempt) options(of names) server.Options {
	parameters := url.Values{}
	add := func(name, file, extension string) {
		if file != "" {
			parameters.Set(name, filepath.Join(os.Getenv(directoryVariable), file+extension))
		}
	}
	add(of.ca, a.ca, ".crt")
	add(of.certificate, a.client, ".crt")
	add(of.key, a.client, ".key")
	if a.mode != "" {
		parameters.Set(of.mode, a.mode)
	}
	host := a.host
	if host == "" {
		host = "localhost"
	}
	_, port, _ := strings.Cut(server.DatabaseAddress(), ":")
	text, _ := url.QueryUnescape(parameters.Encode())
	return server.Options{
		DatabaseUser: a.user, DatabaseAddress: host + ":" + port, DatabaseParameters: text,
	}
}
