package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"tailscale.com/client/local"
	"tailscale.com/ipn"
	"tailscale.com/ipn/ipnstate"
	"tailscale.com/ipn/store/mem"
	"tailscale.com/tsnet"
)

const (
	// Not everything in a state event is announced on the bus (the certificate domains are not).
	refreshEvery = 30 * time.Second
	// Between two watches of the bus: it drops a watcher that falls behind.
	watchAgain = 100 * time.Millisecond
	maxHealth  = 8
	// Connections to the server's LocalAPI, in memory: kept for the next question, and at once at most.
	localIdle = 16
	localBusy = 64
	stateKey  = "state"
	// What tsnet says of a node without a login, too, which does not start.
	warmingUp = "Tailscale is starting"
)

// Attempt is one start of the node, from tsnet.Server.Start to its Close.
type attempt struct {
	node   *node
	key    string
	ctx    context.Context
	cancel context.CancelFunc
	server *tsnet.Server
	client *local.Client
	local  *http.Transport // beneath client
	done   chan struct{}   // closed when nothing of it is left

	refreshing sync.Mutex // one status at a time, so that an older one is not told last

	mu      sync.Mutex
	state   string
	wasUp   bool
	asked   bool // for a page to log in at, since it was up last
	up      *running
	told    []byte // the state event told last
	failure error
}

func newAttempt(n *node, authKey string) *attempt {
	a := &attempt{node: n, key: authKey, done: make(chan struct{})}
	a.ctx, a.cancel = context.WithCancel(n.ctx)
	return a
}

func (a *attempt) isRunning() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state == "Running" && a.ctx.Err() == nil
}

// Run waits for previous to be gone first: both would hold the same state directory and the same name.
func (a *attempt) run(previous *attempt) {
	defer close(a.done)
	if previous != nil {
		awaitEnd(previous.done)
	}
	if a.ctx.Err() != nil {
		return
	}
	a.tell(stateEvent{State: "Starting"})
	err := a.startServer()
	if err == nil {
		a.watch()
		a.node.setUp(nil)
		err = a.failed()
	}
	a.closeServer()
	if err != nil && a.ctx.Err() == nil {
		a.tell(stateEvent{State: "Failed", Error: a.node.scrub.clean(err.Error())})
	}
	a.cancel()
}

func (a *attempt) startServer() error {
	root, err := a.node.stateRoot()
	if err != nil {
		return err
	}
	o := a.node.options
	a.server = &tsnet.Server{
		Dir:           root,
		Hostname:      o.Hostname,
		AuthKey:       withLifetime(a.key, o.Ephemeral),
		Ephemeral:     o.Ephemeral,
		ControlURL:    o.ControlURL,
		AdvertiseTags: o.Tags,
		// Left empty, it would be the log package: the host's standard error.
		UserLogf: func(string, ...any) {},
	}
	if o.StateDir == "" {
		a.server.Store = new(mem.Store)
	}
	if o.Verbose {
		log := func(format string, values ...any) {
			a.node.events.putLog(a.node.scrub.clean(fmt.Sprintf(format, values...)))
		}
		a.server.UserLogf, a.server.Logf = log, log
	}
	if a.client, err = a.server.LocalClient(); err != nil { // starts it
		return err
	}
	// Its own transport would keep idle connections within this process, and their goroutines, for ever.
	a.local = &http.Transport{DialContext: a.client.Dial, MaxIdleConnsPerHost: localIdle, MaxConnsPerHost: localBusy}
	a.client.Transport = a.local
	return nil
}

// CloseServer also cleans up after a start that failed half way, which tsnet does only in part.
func (a *attempt) closeServer() {
	if a.server == nil || a.server.Sys() == nil {
		return
	}
	// tsnet expects Close only after a successful Start, and may find something closed or not made.
	defer func() { recover() }()
	a.server.Close()
	if a.local != nil {
		a.local.CloseIdleConnections()
	}
}

func (a *attempt) fail(err error) {
	a.mu.Lock()
	if a.failure == nil {
		a.failure = err
	}
	a.mu.Unlock()
}

func (a *attempt) failed() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failure
}

// Watch follows the server until the attempt is canceled or fails.
func (a *attempt) watch() {
	ctx, cancel := context.WithCancel(a.ctx)
	var again sync.WaitGroup
	again.Go(func() {
		ticker := time.NewTicker(refreshEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				a.refresh(ctx)
			}
		}
	})
	defer again.Wait()
	defer cancel()
	for a.failed() == nil {
		a.watchBus(ctx)
		select {
		case <-a.ctx.Done():
			return
		case <-time.After(watchAgain):
		}
	}
}

func (a *attempt) watchBus(ctx context.Context) {
	bus, err := a.client.WatchIPNBus(ctx, ipn.NotifyInitialState)
	if err != nil {
		return
	}
	defer bus.Close()
	a.refresh(ctx)
	for a.failed() == nil {
		told, err := bus.Next()
		if err != nil {
			return
		}
		if told.ErrMessage != nil {
			if strings.Contains(*told.ErrMessage, "fell behind") {
				return // the bus speaking of this watch, not of the node
			}
			a.complaint(*told.ErrMessage)
		}
		if told.State != nil || told.SelfChange != nil || told.BrowseToURL != nil || told.LoginFinished != nil ||
			told.Health != nil || told.NetMap != nil {
			a.refresh(ctx)
		}
	}
}

// Complaint is the control server's word: an end to an attempt that has not come up, else something to tell.
func (a *attempt) complaint(text string) {
	a.mu.Lock()
	wasUp := a.wasUp
	a.mu.Unlock()
	if wasUp {
		a.node.events.putError(a.node.scrub.clean(text))
		return
	}
	a.fail(errors.New(text))
}

func (a *attempt) refresh(ctx context.Context) {
	a.refreshing.Lock()
	defer a.refreshing.Unlock()
	status, err := a.client.StatusWithoutPeers(ctx)
	if err != nil {
		return
	}
	a.mu.Lock()
	wasUp := a.wasUp
	a.mu.Unlock()
	event := describe(status, wasUp)
	if event.State == "Running" && !wasUp {
		// Clears what an earlier life of this state directory left in the serve configuration.
		if _, err := a.server.Up(ctx); err != nil {
			if ctx.Err() == nil {
				a.fail(err)
			}
			return
		}
	}
	switch {
	case event.State == "Running":
		a.publish(status)
	case event.State == "NeedsLogin" && event.AuthURL == "":
		a.askForLogin(ctx)
	}
	a.tell(event)
}

// AskForLogin has the control server name a page to log in at: a node that has lost its login does nothing about it by
// itself. With a key nobody has to go there: the host begins a new start, with the key as it is by then.
func (a *attempt) askForLogin(ctx context.Context) {
	a.mu.Lock()
	asked := a.asked || a.key != ""
	a.asked = true
	a.mu.Unlock()
	if asked || a.client.StartLoginInteractive(ctx) == nil {
		return
	}
	a.mu.Lock()
	a.asked = false
	a.mu.Unlock()
}

func describe(status *ipnstate.Status, wasUp bool) stateEvent {
	event := stateEvent{State: "Starting"}
	switch status.BackendState {
	case "Running":
		if len(status.TailscaleIPs) == 0 || status.Self == nil {
			return event
		}
		event.State = "Running"
		for _, address := range status.TailscaleIPs {
			event.Addresses = append(event.Addresses, address.String())
		}
		event.DNSName = strings.TrimSuffix(status.Self.DNSName, ".")
		event.CertDomains = status.CertDomains
		return event
	case "NeedsLogin":
		// Each start passes through it, also with a key: it is news only with a page to visit, or when the
		// node has lost the login that it had.
		if status.AuthURL != "" || wasUp || hasExpired(status.Self) {
			event.State, event.AuthURL = "NeedsLogin", status.AuthURL
		}
	case "NeedsMachineAuth", "Stopped":
		event.State = status.BackendState
	}
	if event.AuthURL != "" {
		return event // nothing is in the way but that
	}
	for _, warning := range status.Health[:min(len(status.Health), maxHealth)] {
		if event.State != "NeedsLogin" || !strings.HasPrefix(warning, warmingUp) {
			event.Health = append(event.Health, shorten(warning, maxMessage))
		}
	}
	return event
}

// HasExpired also tells of a node that was started with other tags: the control server makes its key one of the past.
func hasExpired(self *ipnstate.PeerStatus) bool {
	return self != nil && self.KeyExpiry != nil && self.KeyExpiry.Before(time.Now())
}

func (a *attempt) publish(status *ipnstate.Status) {
	next := &running{server: a.server, client: a.client}
	for _, address := range status.TailscaleIPs {
		if address.Is4() {
			next.ip4 = address
		} else {
			next.ip6 = address
		}
	}
	a.mu.Lock()
	same := a.up != nil && *a.up == *next
	if !same {
		a.up = next
	}
	a.wasUp, a.asked = true, false
	a.mu.Unlock()
	if !same {
		a.node.setUp(next)
	}
}

// Tell tells event unless the host knows it.
func (a *attempt) tell(event stateEvent) {
	event.Event = "state"
	line := encodeEvent(event)
	a.mu.Lock()
	defer a.mu.Unlock()
	if bytes.Equal(line, a.told) {
		return
	}
	a.told, a.state = line, event.State
	a.node.events.put(stateKey, event)
}
