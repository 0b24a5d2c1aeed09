package main

import (
	"slices"
	"testing"
	"time"

	"tailscale.com/ipn/ipnstate"
)

func TestALoginThatIsMissing(t *testing.T) {
	past, future := time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	for name, test := range map[string]struct {
		url    string
		expiry *time.Time
		wasUp  bool
		state  string
	}{
		"each start passes through it":                {state: "Starting"},
		"also that of a node whose key is good":       {expiry: &future, state: "Starting"},
		"with a page to log in at":                    {url: "https://login.example/a/1", state: "NeedsLogin"},
		"of a node that had been up":                  {wasUp: true, state: "NeedsLogin"},
		"of a node that comes up with an expired key": {expiry: &past, state: "NeedsLogin"},
	} {
		status := &ipnstate.Status{BackendState: "NeedsLogin", AuthURL: test.url, Self: &ipnstate.PeerStatus{KeyExpiry: test.expiry}}
		if event := describe(status, test.wasUp); event.State != test.state || event.AuthURL != test.url {
			t.Errorf("%s: %+v", name, event)
		}
	}
}

func TestWhatIsInTheWayOfALogin(t *testing.T) {
	const offline = "The control server cannot be reached."
	status := &ipnstate.Status{BackendState: "NeedsLogin", Health: []string{"Tailscale is starting. Please wait.", offline}}
	if event := describe(status, true); !slices.Equal(event.Health, []string{offline}) {
		t.Errorf("without a page: %q", event.Health)
	}
	status.AuthURL = "https://login.example/a/1"
	if event := describe(status, true); len(event.Health) != 0 {
		t.Errorf("with a page to visit nothing is: %q", event.Health)
	}
}
