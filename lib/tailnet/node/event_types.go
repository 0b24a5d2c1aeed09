package main

// The lines of the event stream; evenkeel_node.h says what each means.

type stateEvent struct {
	Event       string   `json:"event"`
	State       string   `json:"state"`
	AuthURL     string   `json:"authUrl,omitempty"`
	Addresses   []string `json:"addresses,omitempty"`
	DNSName     string   `json:"dnsName,omitempty"`
	CertDomains []string `json:"certDomains,omitempty"`
	Health      []string `json:"health,omitempty"`
	Error       string   `json:"error,omitempty"`
}

type errorEvent struct {
	Event string `json:"event"`
	Error string `json:"error"`
}

type logEvent struct {
	Event string `json:"event"`
	Text  string `json:"text"`
	Lost  int    `json:"lost,omitempty"`
}

type listenEvent struct {
	Event string `json:"event"`
	ID    int    `json:"id"`
	Port  int    `json:"port,omitempty"`
	Error string `json:"error,omitempty"`
}

type dropsEvent struct {
	Event    string `json:"event"`
	ID       int    `json:"id"`
	ToHost   uint64 `json:"toHost"`
	FromHost uint64 `json:"fromHost"`
}

type whoisEvent struct {
	Event       string   `json:"event"`
	ID          int64    `json:"id"`
	Found       bool     `json:"found"`
	Login       string   `json:"login,omitempty"`
	DisplayName string   `json:"displayName,omitempty"`
	ProfilePic  string   `json:"profilePic,omitempty"`
	NodeName    string   `json:"nodeName,omitempty"`
	Tags        []string `json:"tags,omitempty"`
	Error       string   `json:"error,omitempty"`
}

type certEvent struct {
	Event      string `json:"event"`
	ID         int64  `json:"id"`
	PEM        string `json:"pem,omitempty"`
	Error      string `json:"error,omitempty"`
	RetryAfter *int64 `json:"retryAfter,omitempty"`
}
