package main

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
)

const (
	maxLogLines = 256
	maxErrors   = 16
)

// An event that waits for the reader.
type pendingEvent struct {
	line []byte
	// Events of one key replace each other in place while they wait; "" is replaced by nothing.
	key string
	// Runs when the event was written or the stream is gone: gives back the slot that an answer holds.
	done func()
	log  bool
	err  bool
}

// EventQueue is what stands between goroutines that tell something and a reader that may be slow: put
// never waits, and what waits is bounded. State, drops and listen events by replacing the older of the
// same key; answers by the slots their questions hold; log lines and errors by dropping the newest.
type eventQueue struct {
	mu      sync.Mutex
	wake    *sync.Cond
	waiting []pendingEvent
	logs    int
	errors  int
	lost    int
	// Nobody reads any more, or the node has ended.
	deaf   bool
	ending bool
}

func newEventQueue() *eventQueue {
	q := &eventQueue{}
	q.wake = sync.NewCond(&q.mu)
	return q
}

func encodeEvent(event any) []byte {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(event) != nil { // only values of our own come here
		return nil
	}
	return line.Bytes()
}

// Put tells event after everything that waits, or in the place of the one with the same key.
func (q *eventQueue) put(key string, event any) {
	q.add(pendingEvent{line: encodeEvent(event), key: key})
}

// PutAnswer tells event; done runs once it is out of the way.
func (q *eventQueue) putAnswer(event any, done func()) {
	q.add(pendingEvent{line: encodeEvent(event), done: done})
}

func (q *eventQueue) putError(text string) {
	q.add(pendingEvent{line: encodeEvent(errorEvent{"error", text}), err: true})
}

func (q *eventQueue) putLog(text string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.logs >= maxLogLines {
		q.lost++
		return
	}
	if q.deaf {
		return
	}
	q.logs++
	q.waiting = append(q.waiting, pendingEvent{line: encodeEvent(logEvent{"log", text, q.lost}), log: true})
	q.lost = 0
	q.wake.Signal()
}

func (q *eventQueue) add(event pendingEvent) {
	if !q.enqueue(event) && event.done != nil {
		event.done()
	}
}

func (q *eventQueue) enqueue(event pendingEvent) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deaf || (event.err && q.errors >= maxErrors) {
		return false
	}
	if event.key != "" {
		for i := range q.waiting {
			if q.waiting[i].key == event.key {
				// The place of the newest, not of the oldest: an answer put in between must not
				// be followed by a state older than it.
				copy(q.waiting[i:], q.waiting[i+1:])
				q.waiting[len(q.waiting)-1] = event
				return true
			}
		}
	}
	if event.err {
		q.errors++
	}
	q.waiting = append(q.waiting, event)
	q.wake.Signal()
	return true
}

// Finish makes run return once what waits is written.
func (q *eventQueue) finish() {
	q.mu.Lock()
	q.ending = true
	q.mu.Unlock()
	q.wake.Signal()
}

// Run writes events until finish or until the reader is gone; after that put drops everything.
func (q *eventQueue) run(out io.Writer) {
	for {
		event, ok := q.next()
		if !ok {
			break
		}
		_, err := out.Write(event.line)
		if event.done != nil {
			event.done()
		}
		if err != nil {
			break
		}
	}
	q.mu.Lock()
	q.deaf = true
	left := q.waiting
	q.waiting = nil
	q.mu.Unlock()
	for _, event := range left {
		if event.done != nil {
			event.done()
		}
	}
}

func (q *eventQueue) next() (pendingEvent, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 {
		if q.ending {
			return pendingEvent{}, false
		}
		q.wake.Wait()
	}
	event := q.waiting[0]
	q.waiting[0] = pendingEvent{}
	q.waiting = q.waiting[1:]
	if event.log {
		q.logs--
	}
	if event.err {
		q.errors--
	}
	return event, true
}
