package kube

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

const (
	// idleConnections is above what asks at the same time, so that each keeps its connection.
	idleConnections = 100
	// attempts bounds how often a request is sent that the server is too busy for.
	attempts = 10
)

// authorized adds the token to each request.
type authorized struct {
	http.RoundTripper
	token string
}

func (a authorized) RoundTrip(request *http.Request) (*http.Response, error) {
	request.Header.Set("Authorization", "Bearer "+a.token)
	return a.RoundTripper.RoundTrip(request)
}

// newHTTPClient makes a client that trusts one certificate. Nothing is compressed: on loopback that
// costs more than it saves.
func newHTTPClient(certificate, token string) (*http.Client, error) {
	content, err := os.ReadFile(certificate)
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("no certificate in %s", certificate)
	}
	return &http.Client{Transport: authorized{token: token, RoundTripper: &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: trusted},
		MaxIdleConnsPerHost: idleConnections,
		DisableCompression:  true,
	}}}, nil
}

// statusError is an answer other than success.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.code, e.text) }

// do sends a request and reads the answer. A server that is busy, or still fills its cache, says
// after how long to ask again; clients do, and to them that is part of how long it takes.
func (s *Server) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		content, wait, err := s.send(ctx, method, path, body)
		var status *statusError
		busy := errors.As(err, &status) && status.code == http.StatusTooManyRequests
		if !busy || attempt == attempts {
			return content, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// send sends a request once; the duration is how long a busy server wants to be left alone.
func (s *Server) send(ctx context.Context, method, path string,
	body []byte) ([]byte, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode < 300 {
		return content, 0, err
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil {
		seconds = 1
	}
	return nil, time.Duration(seconds) * time.Second,
		&statusError{response.StatusCode, string(content[:min(len(content), 500)])}
}

// answers tells whether a path can be read.
func (s *Server) answers(ctx context.Context, path string) error {
	_, _, err := s.send(ctx, http.MethodGet, path, nil)
	return err
}
