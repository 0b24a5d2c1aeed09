package main

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Keys of Tailscale look like this, whichever way they came in (TS_AUTHKEY, a key made by OAuth).
var keyShape = regexp.MustCompile(`tskey-[A-Za-z0-9_-]+`)

const (
	scrubbed   = "[key]"
	maxMessage = 1024
)

// Scrubber takes one node's auth key out of text that leaves this package.
type scrubber struct{ secrets []string }

func newScrubber(authKey string) scrubber {
	var s scrubber
	// An OAuth secret carries its parameters after a question mark; it may be quoted with or without them, and
	// escaped when it was part of a URL.
	base, _, _ := strings.Cut(authKey, "?")
	for _, secret := range []string{authKey, url.QueryEscape(authKey), base, url.QueryEscape(base)} {
		if secret != "" {
			s.secrets = append(s.secrets, secret)
		}
	}
	return s
}

// Clean returns text without the key, valid UTF-8, and of bounded length.
func (s scrubber) clean(text string) string {
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
