package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"tailscale.com/ipn/store/mem"
	"tailscale.com/tsnet"
	"tailscale.com/tstest/integration/testcontrol"
)

const (
	upTimeout = 30 * time.Second
	// What one admin request may take, unless it says otherwise.
	defaultTimeout = 10 * time.Second
)

// Network is what the admin port works on: the control server and this process's client nodes.
type network struct {
	control    *testcontrol.Server
	controlURL string
	dir        string
	logf       func(string, ...any)

	mu      sync.Mutex
	clients map[string]*tsnet.Server
}

func newNetwork(control *testcontrol.Server, controlURL, dir string, logf func(string, ...any)) *network {
	return &network{control: control, controlURL: controlURL, dir: dir, logf: logf, clients: map[string]*tsnet.Server{}}
}

func (n *network) stopAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, client := range n.clients {
		client.Close()
	}
}

func (n *network) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", answer(n.status))
	mux.HandleFunc("POST /clients", answer(n.startClient))
	mux.HandleFunc("DELETE /clients/{name}", answer(n.stopClient))
	mux.HandleFunc("POST /clients/{name}/http", answer(n.clientHTTP))
	mux.HandleFunc("POST /clients/{name}/tcp", answer(n.clientTCP))
	mux.HandleFunc("POST /clients/{name}/udp", answer(n.clientUDP))
	mux.HandleFunc("POST /control", answer(n.setControl))
	mux.HandleFunc("POST /control/complete-auth", answer(n.completeAuth))
	mux.HandleFunc("POST /control/nodes/{name}/identity", answer(n.setNodeIdentity))
	mux.HandleFunc("POST /control/nodes/{name}/expire", answer(n.expireNode))
	mux.HandleFunc("POST /control/nodes/{name}/renew", answer(n.renewNode))
	mux.HandleFunc("POST /control/nodes/{name}/services", answer(n.hostService))
	return mux
}

// Answer makes a handler of a function from a JSON body to a JSON value; an error is {"error": text} with 400.
func answer[In, Out any](f func(*http.Request, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		if r.Method == http.MethodPost {
			decoder := json.NewDecoder(r.Body)
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&in); err != nil {
				reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
				return
			}
		}
		out, err := f(r, in)
		if err != nil {
			reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		reply(w, http.StatusOK, out)
	}
}

func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}

type nothing struct{}

type nodeStatus struct {
	Name      string   `json:"name"`
	DNSName   string   `json:"dnsName"`
	Addresses []string `json:"addresses"`
	Tags      []string `json:"tags,omitempty"`
	Client    bool     `json:"client"` // one of this process
}

// Status lists every node that the control server has ever seen.
func (n *network) status(*http.Request, nothing) (map[string][]nodeStatus, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	nodes := []nodeStatus{}
	for _, node := range n.control.AllNodes() {
		entry := nodeStatus{Name: node.Hostinfo.Hostname(), DNSName: node.Name, Tags: node.Tags}
		_, entry.Client = n.clients[entry.Name]
		for _, prefix := range node.Addresses {
			entry.Addresses = append(entry.Addresses, prefix.Addr().String())
		}
		nodes = append(nodes, entry)
	}
	return map[string][]nodeStatus{"nodes": nodes}, nil
}

type clientRequest struct {
	Name    string   `json:"name"`
	Tags    []string `json:"tags"`
	AuthKey string   `json:"authKey"`
	identity
}

func (n *network) startClient(r *http.Request, in clientRequest) (nodeStatus, error) {
	if in.Name == "" {
		return nodeStatus{}, errors.New("no name")
	}
	client := &tsnet.Server{
		Dir: filepath.Join(n.dir, in.Name), Hostname: in.Name, ControlURL: n.controlURL, AuthKey: in.AuthKey,
		Store: new(mem.Store), Ephemeral: true, AdvertiseTags: in.Tags, Logf: n.logf, UserLogf: n.logf,
	}
	n.mu.Lock()
	_, taken := n.clients[in.Name]
	if !taken {
		n.clients[in.Name] = client
	}
	n.mu.Unlock()
	if taken {
		return nodeStatus{}, fmt.Errorf("there is a client %q", in.Name)
	}
	entry, err := n.bringUp(r.Context(), client, in)
	if err != nil {
		n.forget(in.Name)
		client.Close()
	}
	return entry, err
}

func (n *network) bringUp(ctx context.Context, client *tsnet.Server, in clientRequest) (nodeStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	status, err := client.Up(ctx)
	if err != nil {
		return nodeStatus{}, err
	}
	node, err := findNode(n.control, in.Name)
	if err != nil {
		return nodeStatus{}, err
	}
	setIdentity(n.control, node, in.identity)
	entry := nodeStatus{Name: in.Name, DNSName: status.Self.DNSName, Tags: node.Tags, Client: true}
	for _, address := range status.TailscaleIPs {
		entry.Addresses = append(entry.Addresses, address.String())
	}
	return entry, nil
}

func (n *network) forget(name string) *tsnet.Server {
	n.mu.Lock()
	defer n.mu.Unlock()
	client := n.clients[name]
	delete(n.clients, name)
	return client
}

func (n *network) stopClient(r *http.Request, _ nothing) (nothing, error) {
	client := n.forget(r.PathValue("name"))
	if client == nil {
		return nothing{}, errors.New("no such client")
	}
	return nothing{}, client.Close()
}

func (n *network) client(r *http.Request) (*tsnet.Server, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	client := n.clients[r.PathValue("name")]
	if client == nil {
		return nil, errors.New("no such client")
	}
	return client, nil
}

type controlRequest struct {
	// The fields have no lock in the control server: change them while no node is registering.
	RequireAuthKey *string `json:"requireAuthKey"`
	RequireAuth    *bool   `json:"requireAuth"`
}

func (n *network) setControl(_ *http.Request, in controlRequest) (nothing, error) {
	if in.RequireAuthKey != nil {
		n.control.RequireAuthKey = *in.RequireAuthKey
	}
	if in.RequireAuth != nil {
		n.control.RequireAuth = *in.RequireAuth
	}
	return nothing{}, nil
}

// CompleteAuth does what a person does at the login page.
func (n *network) completeAuth(_ *http.Request, in struct {
	URL string `json:"url"`
}) (nothing, error) {
	renewLogin(n.control, in.URL)
	if !n.control.CompleteAuth(in.URL) {
		return nothing{}, errors.New("no such login")
	}
	return nothing{}, nil
}

func (n *network) setNodeIdentity(r *http.Request, who identity) (nothing, error) {
	node, err := findNode(n.control, r.PathValue("name"))
	if err != nil {
		return nothing{}, err
	}
	setIdentity(n.control, node, who)
	return nothing{}, nil
}

func (n *network) expireNode(r *http.Request, _ nothing) (nothing, error) {
	node, err := findNode(n.control, r.PathValue("name"))
	if err != nil {
		return nothing{}, err
	}
	expire(n.control, node)
	return nothing{}, nil
}

func (n *network) renewNode(r *http.Request, _ nothing) (nothing, error) {
	renew(n.control, r.PathValue("name"))
	return nothing{}, nil
}
