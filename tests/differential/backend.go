// A target on Go's net/http, which is strict.
//
// usage: backend LOG
//
// Answers each request with what it understood, as JSON in X-Seen and in the body, and adds that to LOG.
// Prints its port when it is ready.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
)

type seen struct {
	Method     string `json:"method"`
	Target     string `json:"target"`
	Host       string `json:"host"`
	Framing    string `json:"framing"`
	Length     int    `json:"length"`
	Sha256     string `json:"sha256"`
	Connection int64  `json:"connection"`
	Sequence   int64  `json:"sequence"`
}

type record struct {
	Kind     string `json:"kind"`
	Complete bool   `json:"complete"`
	Detail   string `json:"detail"`
	seen
}

type book struct {
	lock sync.Mutex
	file *os.File
}

func (b *book) add(line record) {
	text, _ := json.Marshal(line)
	b.lock.Lock()
	defer b.lock.Unlock()
	b.file.Write(append(text, '\n'))
}

// connection shows what net/http answers by itself, before any handler: its complaints about a request.
type connection struct {
	net.Conn
	book     *book
	number   int64
	requests int64
}

func (c *connection) Write(data []byte) (int, error) {
	if bytes.HasPrefix(data, []byte("HTTP/1.1 4")) || bytes.HasPrefix(data, []byte("HTTP/1.1 5")) {
		c.book.add(record{Kind: "malformed", Detail: string(data)})
	}
	return c.Conn.Write(data)
}

type listener struct {
	net.Listener
	book  *book
	count int64
}

func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &connection{Conn: accepted, book: l.book, number: atomic.AddInt64(&l.count, 1)}, nil
}

type key struct{}

func serve(b *book, w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(key{}).(*connection)
	line := seen{Method: r.Method, Target: r.RequestURI, Host: r.Host, Framing: "none", Connection: c.number,
		Sequence: atomic.AddInt64(&c.requests, 1)}
	if len(r.TransferEncoding) > 0 {
		line.Framing = "chunked"
	} else if r.Header.Get("Content-Length") != "" {
		line.Framing = "length"
	}
	body, err := io.ReadAll(r.Body)
	hash := sha256.Sum256(body)
	line.Length = len(body)
	line.Sha256 = hex.EncodeToString(hash[:])
	b.add(record{Kind: "request", Complete: err == nil, seen: line})
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	text, _ := json.Marshal(line)
	w.Header().Set("X-Seen", string(text))
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	w.Write(text)
}

func main() {
	file, err := os.OpenFile(os.Args[1], os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	b := &book{file: file}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		Handler:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(b, w, r) }),
		ErrorLog: log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, key{}, c.(*connection))
		},
	}
	fmt.Println(tcp.Addr().(*net.TCPAddr).Port)
	log.Fatal(server.Serve(&listener{Listener: tcp, book: b}))
}
