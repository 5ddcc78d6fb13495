package kube

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
)

// The files of a server in its directory.
const (
	certificates = "certificates"
	signingKey   = "service-account.key"
	tokens       = "tokens.csv"
)

// certificateIn is the certificate that a server which is told none makes for itself.
func certificateIn(dir string) string { return filepath.Join(dir, certificates, "apiserver.crt") }

// writeCredentials writes what a server is started with: the token of its administrator, which it
// returns, and the key that signs the tokens of service accounts.
func writeCredentials(dir string) (string, error) {
	token := rand.Text()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return "", err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	return token, errors.Join(
		os.WriteFile(filepath.Join(dir, signingKey), block, 0o600),
		os.WriteFile(filepath.Join(dir, tokens), []byte(token+",admin,admin,system:masters\n"), 0o600))
}
