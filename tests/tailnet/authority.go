package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tailscale.com/tailcfg"
)

// Authority is pebble with its DNS server (the Debian package of that name): the ACME protocol as Let's Encrypt
// speaks it, answered by dns-01 through the control server.
type authority struct {
	directory, caFile, rootFile string
	dnsAdmin                    string
}

// StartAuthority returns nil where pebble is not installed.
func startAuthority(t *process, dir string) *authority {
	for _, name := range []string{"pebble", "pebble-challtestsrv"} {
		if _, err := exec.LookPath(name); err != nil {
			return nil
		}
	}
	acme, manage, dns, dnsAdmin := freePort(t), freePort(t), freePort(t), freePort(t)
	a := &authority{
		directory: fmt.Sprintf("https://127.0.0.1:%d/dir", acme),
		caFile:    filepath.Join(dir, "acme-ca.pem"),
		rootFile:  filepath.Join(dir, "acme-root.pem"),
		dnsAdmin:  fmt.Sprintf("http://127.0.0.1:%d", dnsAdmin),
	}
	certFile, keyFile := filepath.Join(dir, "acme.pem"), filepath.Join(dir, "acme-key.pem")
	t.must(writeServerCertificate(a.caFile, certFile, keyFile))
	config, _ := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress":           fmt.Sprintf("127.0.0.1:%d", acme),
		"managementListenAddress": fmt.Sprintf("127.0.0.1:%d", manage),
		"certificate":             certFile,
		"privateKey":              keyFile,
		"httpPort":                freePort(t),
		"tlsPort":                 freePort(t),
	}})
	configFile := filepath.Join(dir, "pebble.json")
	t.must(os.WriteFile(configFile, config, 0o600))
	run(t, "pebble-challtestsrv", "-management", fmt.Sprintf("127.0.0.1:%d", dnsAdmin),
		"-dns01", fmt.Sprintf("127.0.0.1:%d", dns), "-http01", "", "-https01", "", "-tlsalpn01", "",
		"-defaultIPv6", "", "-defaultIPv4", "127.0.0.1")
	run(t, "pebble", "-config", configFile, "-dnsserver", fmt.Sprintf("127.0.0.1:%d", dns))
	t.must(a.fetchRoot(fmt.Sprintf("https://127.0.0.1:%d/roots/0", manage)))
	return a
}

func run(t *process, name string, arguments ...string) {
	command := exec.Command(name, arguments...)
	command.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log := &lineLog{logf: t.logf, name: name}
	command.Stdout, command.Stderr = log, log
	t.must(command.Start())
	t.Cleanup(func() { command.Process.Kill(); command.Wait() })
}

type lineLog struct {
	logf func(string, ...any)
	name string
}

func (l *lineLog) Write(text []byte) (int, error) {
	l.logf("%s: %s", l.name, bytes.TrimSpace(text))
	return len(text), nil
}

// FetchRoot gets the root that pebble made at its start, and so also waits for it to answer.
func (a *authority) fetchRoot(url string) error {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	deadline := time.Now().Add(60 * time.Second)
	for {
		response, err := client.Get(url)
		if err == nil {
			root, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err == nil && response.StatusCode == http.StatusOK {
				return os.WriteFile(a.rootFile, root, 0o644)
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("pebble does not answer: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (a *authority) setDNS(request *tailcfg.SetDNSRequest) error {
	body, _ := json.Marshal(map[string]string{
		"host": strings.TrimSuffix(request.Name, ".") + ".", "value": request.Value,
	})
	response, err := http.Post(a.dnsAdmin+"/set-txt", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("challtestsrv: %s", response.Status)
	}
	return nil
}

// WriteServerCertificate makes the certificate that pebble's own HTTPS port shows, under a root of its own.
func writeServerCertificate(caFile, certFile, keyFile string) error {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "testtailnet"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caBytes, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafBytes, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return err
	}
	keyBytes, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	for file, block := range map[string]*pem.Block{
		caFile:   {Type: "CERTIFICATE", Bytes: caBytes},
		certFile: {Type: "CERTIFICATE", Bytes: leafBytes},
		keyFile:  {Type: "EC PRIVATE KEY", Bytes: keyBytes},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// FreePort is one that nobody has now; the programs here cannot say which they got when asked for any.
func freePort(t *process) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	t.must(err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
