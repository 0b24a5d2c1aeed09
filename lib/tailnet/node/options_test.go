package main

import (
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	good := `{"hostname":"app","stateDir":"/s","controlUrl":"http://127.0.0.1:1","tags":["tag:a"],"verbose":true}`
	parsed, err := parseOptions(good)
	if err != nil || parsed.Hostname != "app" || parsed.ControlURL != "http://127.0.0.1:1" || !parsed.Verbose || parsed.Tags[0] != "tag:a" {
		t.Fatalf("got %+v, %v", parsed, err)
	}
	bad := map[string]string{
		"not JSON":              `{"authKey":"tskey-auth-x"`,
		"unknown key":           `{"hostname":"app","ephemeral":true,"host":"tskey-auth-x"}`,
		"no hostname":           `{"ephemeral":true}`,
		"memory, not ephemeral": `{"hostname":"app"}`,
		"control URL":           `{"hostname":"app","ephemeral":true,"controlUrl":"tskey-auth-x"}`,
		"tag":                   `{"hostname":"app","ephemeral":true,"tags":["tskey-auth-x"]}`,
		"second value":          `{"hostname":"app","ephemeral":true}{"authKey":"tskey-auth-x"}`,
	}
	for name, text := range bad {
		_, err := parseOptions(text)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "tskey") {
			t.Errorf("%s: the error quotes the key: %v", name, err)
		}
	}
}

func TestScrub(t *testing.T) {
	s := newScrubber("my+secret?ephemeral=true")
	for _, text := range []string{"bad my+secret?ephemeral=true", "bad my+secret", "url my%2Bsecret", "other tskey-auth-kA-b_c."} {
		got := s.clean(text)
		if strings.Contains(got, "secret") || strings.Contains(got, "tskey") || !strings.Contains(got, scrubbed) {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := newScrubber("").clean("as it is"); got != "as it is" {
		t.Errorf("no key: %q", got)
	}
	if got := newScrubber("").clean(strings.Repeat("é", maxMessage)); len(got) != maxMessage || !strings.HasPrefix(got, "é") {
		t.Errorf("long text: %d bytes", len(got))
	}
}

func TestWithLifetime(t *testing.T) {
	for _, c := range []struct {
		key       string
		ephemeral bool
		want      string
	}{
		{"tskey-auth-k", false, "tskey-auth-k"},
		{"", true, ""},
		{"tskey-client-k", false, "tskey-client-k?ephemeral=false"},
		{"tskey-client-k", true, "tskey-client-k?ephemeral=true"},
		{"tskey-client-k?", true, "tskey-client-k?ephemeral=true"},
		{"tskey-client-k?preauthorized=true", false, "tskey-client-k?preauthorized=true&ephemeral=false"},
		{"tskey-client-k?ephemeral=true", false, "tskey-client-k?ephemeral=true"},
	} {
		if got := withLifetime(c.key, c.ephemeral); got != c.want {
			t.Errorf("withLifetime(%q, %t) = %q", c.key, c.ephemeral, got)
		}
	}
}
