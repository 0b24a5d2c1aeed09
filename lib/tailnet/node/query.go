package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"tailscale.com/client/local"
)

const (
	maxWhois = 1024 // EK_NODE_MAX_WHOIS
	maxCert  = 16   // EK_NODE_MAX_CERT
	maxTags  = 64

	whoisTimeout = 10 * time.Second
	certTimeout  = 10 * time.Minute // the CA's validation may take minutes, but not for ever
)

var errNotUp = errors.New("the node is not up")

// Ask runs question in the background, under a slot that its answer holds until the host has read it.
func (n *node) ask(slots chan struct{}, timeout time.Duration, question func(context.Context, *running) any) error {
	select {
	case slots <- struct{}{}:
	default:
		return unix.EAGAIN
	}
	release := func() { <-slots }
	spawned := n.spawn(func() {
		ctx, cancel := context.WithTimeout(n.ctx, timeout)
		defer cancel()
		n.events.putAnswer(question(ctx, n.current()), release)
	})
	if !spawned {
		release()
		return unix.EBADF
	}
	return nil
}

func (n *node) whois(id int64, address string) error {
	return n.ask(n.whoisSlots, whoisTimeout, func(ctx context.Context, up *running) any {
		event := whoisEvent{Event: "whois", ID: id}
		if up == nil {
			event.Error = errNotUp.Error()
			return event
		}
		answer, err := up.client.WhoIsProto(ctx, "tcp", address)
		if errors.Is(err, local.ErrPeerNotFound) {
			return event
		}
		if err == nil && (answer.Node == nil || answer.UserProfile == nil) {
			err = errors.New("an answer without a node")
		}
		if err != nil {
			event.Error = n.scrub.clean(err.Error())
			return event
		}
		event.Found = true
		event.NodeName = shorten(strings.TrimSuffix(answer.Node.Name, "."), maxMessage)
		// A tagged node belongs to nobody; what stands in for its user must not be taken for one.
		if len(answer.Node.Tags) > 0 {
			event.Tags = slices.Clone(answer.Node.Tags[:min(len(answer.Node.Tags), maxTags)])
			return event
		}
		event.Login = shorten(answer.UserProfile.LoginName, maxMessage)
		event.DisplayName = shorten(answer.UserProfile.DisplayName, maxMessage)
		event.ProfilePic = shorten(answer.UserProfile.ProfilePicURL, maxMessage)
		return event
	})
}

func (n *node) cert(id int64, domain string) error {
	return n.ask(n.certSlots, certTimeout, func(ctx context.Context, up *running) any {
		event := certEvent{Event: "cert", ID: id}
		if up == nil {
			event.Error = errNotUp.Error()
			return event
		}
		chain, key, err := up.client.CertPair(ctx, domain)
		if err == nil && len(chain)+len(key) > maxCertBytes {
			err = errors.New("the certificate chain is too long")
		}
		if err != nil {
			event.Error = n.scrub.clean(err.Error())
			if wait, limited := local.RateLimitRetryAfter(err); limited {
				seconds := int64(wait.Round(time.Second) / time.Second)
				event.RetryAfter = &seconds
			}
			return event
		}
		event.PEM = string(key) + string(chain)
		return event
	})
}

// Leaves room for the escapes of JSON in a line of 64 KiB.
const maxCertBytes = 48 << 10
