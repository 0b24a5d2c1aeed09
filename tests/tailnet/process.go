package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
)

// Process is as much of a testing.TB as the helpers of Tailscale's own tests use: its life is the
// program's, a fatal error ends it. Whatever else they would call is the nil of the embedded interface.
type process struct {
	testing.TB
	logf func(string, ...any)

	mu       sync.Mutex
	cleanups []func()
}

func (p *process) Helper()                           {}
func (p *process) Name() string                      { return "testtailnet" }
func (p *process) Context() context.Context          { return context.Background() }
func (p *process) Log(values ...any)                 { p.logf("%s", fmt.Sprint(values...)) }
func (p *process) Logf(format string, values ...any) { p.logf(format, values...) }
func (p *process) Error(values ...any)               { p.logf("%s", fmt.Sprint(values...)) }
func (p *process) Errorf(format string, values ...any) {
	p.logf(format, values...)
}

func (p *process) Fatal(values ...any) {
	fmt.Fprintln(os.Stderr, values...)
	p.cleanUp()
	os.Exit(1)
}

func (p *process) Fatalf(format string, values ...any) { p.Fatal(fmt.Sprintf(format, values...)) }

func (p *process) must(err error) {
	if err != nil {
		p.Fatal(err)
	}
}

func (p *process) TempDir() string {
	dir, err := os.MkdirTemp("", "testtailnet-")
	p.must(err)
	p.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (p *process) Cleanup(f func()) {
	p.mu.Lock()
	p.cleanups = append(p.cleanups, f)
	p.mu.Unlock()
}

// CleanUp runs the newest first, as the testing package does.
func (p *process) cleanUp() {
	p.mu.Lock()
	cleanups := p.cleanups
	p.cleanups = nil
	p.mu.Unlock()
	for i := len(cleanups) - 1; i >= 0; i-- {
		cleanups[i]()
	}
}
