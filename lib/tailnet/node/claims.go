package main

import (
	"context"
	"time"
)

// How long a listener waits for another of the same port, which the host may have closed just before.
const claimPatience = 2 * time.Second

// Claim gives the caller its turn at a port, called by name. Closing a descriptor is noticed only some time later: without
// a turn, a host that closes a listener and opens it again would find the port taken by the old one. The
// patience over, the bind itself says what is wrong.
func (n *node) claim(ctx context.Context, name string) (release func()) {
	mine := make(chan struct{})
	n.mu.Lock()
	if n.claims == nil {
		n.claims = map[string]chan struct{}{}
	}
	before := n.claims[name]
	n.claims[name] = mine
	n.mu.Unlock()
	if before != nil {
		patience := time.NewTimer(claimPatience)
		defer patience.Stop()
		select {
		case <-before:
		case <-ctx.Done():
		case <-patience.C:
		}
	}
	return func() {
		close(mine)
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.claims[name] == mine {
			delete(n.claims, name)
		}
	}
}
