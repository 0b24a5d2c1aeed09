// Testtailnet is a tailnet on the loopback interface for tests: a control server, a relay, a STUN server,
// client nodes, and a certificate authority where pebble is installed. README.md says how it is driven.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"tailscale.com/envknob"
	"tailscale.com/net/netns"
	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration"
	"tailscale.com/tstest/integration/testcontrol"
)

const magicDNSDomain = "evenkeel-test.ts.net"

// Ready is the one line of standard output.
type ready struct {
	Admin          string `json:"admin"`
	Control        string `json:"control"`
	MagicDNSDomain string `json:"magicDnsDomain"`
	// Empty where pebble is not installed. The first two go into a node's environment as
	// TS_DEBUG_ACME_DIRECTORY_URL and SSL_CERT_FILE; the third holds the root of issued certificates.
	AcmeDirectory string `json:"acmeDirectory,omitempty"`
	AcmeCAFile    string `json:"acmeCaFile,omitempty"`
	AcmeRootFile  string `json:"acmeRootFile,omitempty"`
}

func main() {
	verbose := flag.Bool("verbose", false, "what the servers and nodes log, on standard error")
	flag.Parse()
	// Set here for the nodes of this process; other processes of a test need them in their environment.
	for _, name := range []string{"TS_NO_LOGS_NO_SUPPORT", "TS_DISABLE_PORTMAPPER",
		"TS_ASSUME_NETWORK_UP_FOR_TEST", "TS_PANIC_IF_HIT_MAIN_CONTROL"} {
		envknob.Setenv(name, "1")
	}
	envknob.SetNoLogsNoSupport()
	netns.SetEnabled(false) // no marks on sockets: needs no rights
	logf := func(string, ...any) {}
	if *verbose {
		logf = log.Printf
	}

	t := &process{logf: logf}
	defer t.cleanUp()
	dir, err := os.MkdirTemp("", "testtailnet-")
	t.must(err)
	t.Cleanup(func() { os.RemoveAll(dir) })

	authority := startAuthority(t, dir)
	control, controlURL := startControl(t, authority)
	network := newNetwork(control, controlURL, dir, logf)
	t.Cleanup(network.stopAll)
	admin := listen(t)
	go http.Serve(admin, network.handler())

	line := ready{
		Admin:          "http://" + admin.Addr().String(),
		Control:        controlURL,
		MagicDNSDomain: magicDNSDomain,
	}
	if authority != nil {
		line.AcmeDirectory = authority.directory
		line.AcmeCAFile = authority.caFile
		line.AcmeRootFile = authority.rootFile
	}
	text, _ := json.Marshal(line)
	fmt.Println(string(text))
	io.Copy(io.Discard, os.Stdin) // whoever started this holds the other end
}

func startControl(t *process, authority *authority) (*testcontrol.Server, string) {
	listener := listen(t)
	control := &testcontrol.Server{
		Logf:            t.logf,
		DERPMap:         integration.RunDERPAndSTUN(t, t.logf, "127.0.0.1"), // nil would be the public relays
		ExplicitBaseURL: "http://" + listener.Addr().String(),
		// Both are needed, else there are no certificate domains.
		DNSConfig:      &tailcfg.DNSConfig{Proxied: true},
		MagicDNSDomain: magicDNSDomain,
		TagOwners:      map[string][]string{}, // not nil: nodes get the tags they ask for
		AllOnline:      true,
	}
	if authority != nil {
		control.OnSetDNS = authority.setDNS
	}
	go http.Serve(listener, control)
	return control, control.ExplicitBaseURL
}

func listen(t *process) net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	t.must(err)
	t.Cleanup(func() { listener.Close() })
	return listener
}
