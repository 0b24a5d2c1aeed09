package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
)

type line struct {
	Event, State, Text, Error string
	ID, Lost                  int
}

// ReadAll lets the queue write everything that waits and gives back the lines.
func readAll(t *testing.T, q *eventQueue) []line {
	t.Helper()
	reader, writer := io.Pipe()
	q.finish()
	go func() {
		q.run(writer)
		writer.Close()
	}()
	var lines []line
	scanner := bufio.NewScanner(reader)
	for scanner.Scan() {
		var l line
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			t.Fatalf("%q: %v", scanner.Text(), err)
		}
		lines = append(lines, l)
	}
	return lines
}

func TestOnlyTheNewestStateWaits(t *testing.T) {
	q := newEventQueue()
	for i := range 10000 {
		q.put(stateKey, stateEvent{Event: "state", State: fmt.Sprint(i)})
	}
	q.put("listen/1", listenEvent{Event: "listen", ID: 1})
	q.put(stateKey, stateEvent{Event: "state", State: "last"})
	lines := readAll(t, q)
	if len(lines) != 2 || lines[0].Event != "listen" || lines[1].State != "last" {
		t.Errorf("got %+v", lines)
	}
}

func TestLogLinesAreBoundedAndTheLostCounted(t *testing.T) {
	q := newEventQueue()
	for range maxLogLines + 7 {
		q.putLog("text")
	}
	q.next() // room for one
	q.putLog("after")
	lines := readAll(t, q)
	if len(lines) != maxLogLines || lines[len(lines)-1].Text != "after" || lines[len(lines)-1].Lost != 7 {
		t.Errorf("%d lines, the last %+v", len(lines), lines[len(lines)-1])
	}
}

func TestErrorsAreBounded(t *testing.T) {
	q := newEventQueue()
	for range maxErrors + 5 {
		q.putError("e")
	}
	if lines := readAll(t, q); len(lines) != maxErrors {
		t.Errorf("%d lines", len(lines))
	}
}

func TestAnAnswerHoldsItsSlotUntilItIsWritten(t *testing.T) {
	q := newEventQueue()
	released := 0
	q.putAnswer(whoisEvent{Event: "whois", ID: 1}, func() { released++ })
	if released != 0 {
		t.Fatal("released before it was written")
	}
	readAll(t, q)
	if released != 1 {
		t.Errorf("released %d times", released)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestAReaderThatIsGoneReleasesEveryAnswer(t *testing.T) {
	q := newEventQueue()
	released := 0
	for range 3 {
		q.putAnswer(whoisEvent{Event: "whois"}, func() { released++ })
	}
	q.run(brokenWriter{}) // returns at the first write
	q.putAnswer(whoisEvent{Event: "whois"}, func() { released++ })
	q.putLog("nobody hears")
	if released != 4 || len(q.waiting) != 0 {
		t.Errorf("released %d, waiting %d", released, len(q.waiting))
	}
}
