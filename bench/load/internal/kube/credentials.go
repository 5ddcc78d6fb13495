package kube

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
)

// The files of a server in its directory.
const (
	certificates = "certificates"
	signingKey   = "service-account.key"
	tokens       = "tokens.csv"
)

// certificateIn and certificateKeyIn are the certificate that a server which is told none makes for
// itself.
func certificateIn(dir string) string { return filepath.Join(dir, certificates, "apiserver.crt") }

func certificateKeyIn(dir string) string {
	return filepath.Join(dir, certificates, "apiserver.key")
}

// writeToken writes the token of an administrator, which it returns, for a server that is started.
func writeToken(dir string) (string, error) {
	token := rand.Text()
	return token,
		os.WriteFile(filepath.Join(dir, tokens), []byte(token+",admin,admin,system:masters\n"), 0o600)
}

// writeSigningKey writes the key that signs the tokens of service accounts.
func writeSigningKey(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	return os.WriteFile(filepath.Join(dir, signingKey), block, 0o600)
}
