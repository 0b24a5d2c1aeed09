package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"tailscale.com/tsnet"
)

const maxBody = 16 << 20

// Reach is how a client gets to where it sends.
type reach struct {
	// Seconds for the whole exchange.
	Timeout float64 `json:"timeout"`
	// Through Funnel: the client plays the ingress node, for a client of the internet at src ("ip:port"), towards the
	// node of that name; target is the public "host:port".
	Funnel *struct {
		Node   string `json:"node"`
		Src    string `json:"src"`
		Target string `json:"target"`
	} `json:"funnel"`
}

func (w reach) deadline() time.Time {
	if w.Timeout <= 0 {
		return time.Now().Add(defaultTimeout)
	}
	return time.Now().Add(time.Duration(w.Timeout * float64(time.Second)))
}

func (w reach) dial(ctx context.Context, client *tsnet.Server, address string) (net.Conn, error) {
	if w.Funnel == nil {
		return client.Dial(ctx, "tcp", address)
	}
	api, err := peerAPI(ctx, client, w.Funnel.Node)
	if err != nil {
		return nil, err
	}
	conn, err := client.Dial(ctx, "tcp", api)
	if err != nil {
		return nil, err
	}
	request, _ := http.NewRequest("POST", "/v0/ingress", nil)
	request.Host = api
	request.Header.Set("Tailscale-Ingress-Src", w.Funnel.Src)
	request.Header.Set("Tailscale-Ingress-Target", w.Funnel.Target)
	if err := request.Write(conn); err != nil {
		conn.Close()
		return nil, err
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, request)
	if err == nil && response.StatusCode != http.StatusSwitchingProtocols {
		err = fmt.Errorf("ingress: %s", response.Status)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &buffered{conn, reader}, nil
}

// PeerAPI waits for it: a node is up before all others have heard where its API is.
func peerAPI(ctx context.Context, client *tsnet.Server, hostname string) (string, error) {
	local, err := client.LocalClient()
	if err != nil {
		return "", err
	}
	for {
		status, err := local.Status(ctx)
		if err != nil {
			return "", err
		}
		for _, peer := range status.Peer {
			if peer.HostName == hostname && len(peer.PeerAPIURL) > 0 {
				return strings.TrimPrefix(peer.PeerAPIURL[0], "http://"), nil
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no peer API of %q", hostname)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

type buffered struct {
	net.Conn
	reader *bufio.Reader
}

func (b *buffered) Read(into []byte) (int, error) { return b.reader.Read(into) }
func (b *buffered) CloseWrite() error             { return b.Conn.(interface{ CloseWrite() error }).CloseWrite() }

type httpRequest struct {
	Method  string      `json:"method"`
	URL     string      `json:"url"` // its host: an address, or a name of the tailnet
	Headers http.Header `json:"headers"`
	Body    string      `json:"body"`
	CAFile  string      `json:"caFile"`   // what an https server's certificate is checked with
	Skip    bool        `json:"insecure"` // or not checked
	Name    string      `json:"serverName"`
	reach
}

type httpResponse struct {
	Status  int         `json:"status"`
	Headers http.Header `json:"headers"`
	Body    string      `json:"body"`
	Names   []string    `json:"certNames,omitempty"` // of the server's certificate
}

// ClientHTTP is one request on a connection of its own; redirects are not followed.
func (n *network) clientHTTP(r *http.Request, in httpRequest) (httpResponse, error) {
	client, err := n.client(r)
	if err != nil {
		return httpResponse{}, err
	}
	ctx, cancel := context.WithDeadline(r.Context(), in.deadline())
	defer cancel()
	config := &tls.Config{InsecureSkipVerify: in.Skip, ServerName: in.Name}
	if in.CAFile != "" {
		text, err := os.ReadFile(in.CAFile)
		if err != nil {
			return httpResponse{}, err
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(text)
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return in.dial(ctx, client, address)
		},
		TLSClientConfig:   config,
		DisableKeepAlives: true,
	}
	request, err := http.NewRequestWithContext(ctx, in.Method, in.URL, strings.NewReader(in.Body))
	if err != nil {
		return httpResponse{}, err
	}
	if in.Headers != nil {
		request.Header = in.Headers.Clone()
	}
	if host := in.Headers.Get("Host"); host != "" {
		request.Host = host
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return httpResponse{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	out := httpResponse{Status: response.StatusCode, Headers: response.Header, Body: string(body)}
	if response.TLS != nil {
		out.Names = response.TLS.PeerCertificates[0].DNSNames
	}
	return out, err
}

// Bytes travel as base64, which is what JSON makes of them.
type tcpRequest struct {
	Address string `json:"address"`
	Send    []byte `json:"send"`
	// After sending: end the client's direction. Then, without reset, read until the server ends its own or time is up.
	HalfClose bool `json:"halfClose"`
	// Stop reading after so many bytes, and then send more, and end it (when halfClose was not asked for).
	ReceiveBytes int    `json:"receiveBytes"`
	SendAfter    []byte `json:"sendAfter"`
	// Read until the server's end first of all, and only then send.
	ReceiveFirst bool `json:"receiveFirst"`
	reach
}

type tcpResponse struct {
	Received []byte `json:"received"`
	End      bool   `json:"end"` // the server ended its direction
	Local    string `json:"local"`
	Error    string `json:"error,omitempty"` // what ended the reading otherwise
}

func (n *network) clientTCP(r *http.Request, in tcpRequest) (tcpResponse, error) {
	client, err := n.client(r)
	if err != nil {
		return tcpResponse{}, err
	}
	deadline := in.deadline()
	ctx, cancel := context.WithDeadline(r.Context(), deadline)
	defer cancel()
	conn, err := in.dial(ctx, client, in.Address)
	if err != nil {
		return tcpResponse{}, err
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	out := tcpResponse{Received: []byte{}, Local: conn.LocalAddr().String()}
	if in.ReceiveFirst {
		receive(conn, 0, &out)
	}
	if err := sendAll(conn, in.Send, in.HalfClose); err != nil {
		return out, err
	}
	if in.ReceiveFirst {
		return out, nil
	}
	receive(conn, in.ReceiveBytes, &out)
	if len(in.SendAfter) > 0 && !in.HalfClose {
		if err := sendAll(conn, in.SendAfter, true); err != nil {
			return out, err
		}
		receive(conn, 0, &out)
	}
	return out, nil
}

func sendAll(conn net.Conn, bytes []byte, end bool) error {
	if len(bytes) > 0 {
		if _, err := conn.Write(bytes); err != nil {
			return err
		}
	}
	if end {
		return conn.(interface{ CloseWrite() error }).CloseWrite()
	}
	return nil
}

// Receive reads limit bytes, or to the end for 0.
func receive(conn net.Conn, limit int, out *tcpResponse) {
	source := io.Reader(io.LimitReader(conn, maxBody))
	if limit > 0 {
		source = io.LimitReader(conn, int64(limit))
	}
	got, err := io.ReadAll(source)
	out.Received = append(out.Received, got...)
	if err != nil {
		out.Error = err.Error()
		return
	}
	out.End = limit == 0 || len(got) < limit
}

type udpRequest struct {
	Address string `json:"address"`
	Send    []byte `json:"send"`
	// How many datagrams to send, and how many to wait for; 0 is 1.
	Count  int `json:"count"`
	Expect int `json:"expect"`
	reach
}

type udpResponse struct {
	Received [][]byte `json:"received"`
	Local    string   `json:"local"`
}

func (n *network) clientUDP(r *http.Request, in udpRequest) (udpResponse, error) {
	client, err := n.client(r)
	if err != nil {
		return udpResponse{}, err
	}
	deadline := in.deadline()
	ctx, cancel := context.WithDeadline(r.Context(), deadline)
	defer cancel()
	conn, err := client.Dial(ctx, "udp", in.Address)
	if err != nil {
		return udpResponse{}, err
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	for range max(in.Count, 1) {
		if _, err := conn.Write(in.Send); err != nil {
			return udpResponse{}, err
		}
	}
	out := udpResponse{Received: [][]byte{}, Local: conn.LocalAddr().String()}
	buffer := make([]byte, 1<<16)
	for range max(in.Expect, 1) {
		size, err := conn.Read(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break // what came is the answer
		}
		if err != nil {
			return out, err
		}
		out.Received = append(out.Received, append([]byte{}, buffer[:size]...))
	}
	return out, nil
}
