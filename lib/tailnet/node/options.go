package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// Options of one node, as evenkeel_node.h documents them.
type options struct {
	Hostname   string   `json:"hostname"`
	StateDir   string   `json:"stateDir"`
	Ephemeral  bool     `json:"ephemeral"`
	ControlURL string   `json:"controlUrl"`
	Tags       []string `json:"tags"`
	Verbose    bool     `json:"verbose"`
}

// WithLifetime makes an OAuth secret say what the spec says of the node's life; on its own it makes ephemeral nodes.
func withLifetime(authKey string, ephemeral bool) string {
	_, attributes, _ := strings.Cut(authKey, "?")
	if !strings.HasPrefix(authKey, "tskey-client-") || strings.Contains("&"+attributes, "&ephemeral=") {
		return authKey
	}
	separator := "?"
	if attributes != "" {
		separator = "&"
	}
	return fmt.Sprintf("%s%sephemeral=%t", strings.TrimSuffix(authKey, "?"), separator, ephemeral)
}

// The errors never quote the input: somebody may have put an auth key there.
func parseOptions(text string) (options, error) {
	var parsed options
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&parsed); err != nil {
		return options{}, errors.New("options: not an object of the documented keys")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return options{}, errors.New("options: something follows the object")
	}
	if parsed.Hostname == "" {
		return options{}, errors.New("options: no hostname")
	}
	// tsnet refuses this too, but only at the start: a node that is not ephemeral would become a new machine of
	// the tailnet each time it comes up, and the old ones would stay.
	if parsed.StateDir == "" && !parsed.Ephemeral {
		return options{}, errors.New("options: a node without a state directory must be ephemeral")
	}
	if parsed.ControlURL != "" {
		control, err := url.Parse(parsed.ControlURL)
		if err != nil || control.Host == "" || (control.Scheme != "http" && control.Scheme != "https") {
			return options{}, errors.New("options: controlUrl is not an http or https URL")
		}
	}
	for _, tag := range parsed.Tags {
		if !strings.HasPrefix(tag, "tag:") || len(tag) == len("tag:") {
			return options{}, errors.New("options: a tag is not tag:name")
		}
	}
	return parsed, nil
}
