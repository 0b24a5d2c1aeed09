package main

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Keys of Tailscale look like this, whichever way they came in (TS_AUTHKEY, a key made by OAuth).
var keyShape = regexp.MustCompile(`tskey-[A-Za-z0-9_-]+`)

const (
	scrubbed   = "[key]"
	maxMessage = 1024
)

// Scrubber takes one node's auth keys out of text that leaves this package.
type scrubber struct {
	mu      sync.RWMutex
	secrets []string
}

func newScrubber(authKeys ...string) *scrubber {
	s := &scrubber{}
	for _, authKey := range authKeys {
		s.add(authKey)
	}
	return s
}

func (s *scrubber) add(authKey string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// An OAuth secret carries its parameters after a question mark; it may be quoted with or without them, and
	// escaped when it was part of a URL.
	base, _, _ := strings.Cut(authKey, "?")
	for _, secret := range []string{authKey, url.QueryEscape(authKey), base, url.QueryEscape(base)} {
		if secret != "" && !slices.Contains(s.secrets, secret) {
			s.secrets = append(s.secrets, secret)
		}
	}
}

// Clean returns text without the key, valid UTF-8, and of bounded length.
func (s *scrubber) clean(text string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, scrubbed)
	}
	return shorten(keyShape.ReplaceAllString(text, scrubbed), maxMessage)
}

func shorten(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= limit {
		return text
	}
	end := limit
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
