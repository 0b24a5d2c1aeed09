#!/usr/bin/env python3
"""Real servers behind evenkeel, and a corpus of requests that two parsers can read in two ways.

Every entry of the corpus goes through evenkeel to nginx, Node, Python and Go. A strict reader (reading.py), the
proxy's access log and the server's own account of what it understood must agree on how many requests there
were and where each began and ended. EVENKEEL_BIN is the command; EVENKEEL_GO_CACHE keeps what Go compiles.
"""

import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import control
import corpus
import servers
from audit import audit
from front import Front
from harness import BINARY
from lane import Lane

SHOWN = 20  # disagreements of one lane
CONTROLS = 20  # one delivery in so many goes straight to the servers


def start_targets(stack, directory):
    """(those that run, the names of those that cannot)"""
    targets, missing = [], []
    for kind in servers.ALL:
        place = os.path.join(directory, kind.name)
        os.mkdir(place)
        try:
            targets.append(stack.enter_context(kind(place)))
        except servers.Missing as reason:
            print(f"differential: {kind.name} is not run: {reason}")
            missing.append(kind.name)
    return targets, missing


def run(lanes):
    threads = [threading.Thread(target=lane.run) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def show(lane, result):
    delivery, reading = result.delivery, result.reading
    print(f"\nDISAGREEMENT with {lane.target.name}: {delivery.entry.family}: {delivery.entry.name} ({delivery.mode})")
    print("  sent: " + "\n  then: ".join(repr(part) for part in delivery.parts))
    print(f"  a strict reader takes {[request.target for request in reading.requests]}, then it is {reading.end} "
          f"{sorted(reading.statuses)}")
    for problem in result.problems:
        print(f"  {problem}")


def judge(lane, counts, rest):
    """Prints what is wrong with a lane. The number of disagreements."""
    wrong = [result for result in lane.results if result.problems]
    for result in wrong[:SHOWN]:
        show(lane, result)
    others = [f"belongs to no delivery: {part}" for part in rest]
    if lane.failure:
        others.append(f"stopped after {len(lane.results)} of {len(lane.deliveries)}: {lane.failure}")
    if not counts["forwarded"] == counts["seen"] == counts["answered"]:
        others.append(f"the counts differ: {dict(counts)}")
    for text in others:
        print(f"\nDISAGREEMENT with {lane.target.name}: {text}")
    return len(wrong) + len(others)


def summary(counts):
    return f"{counts['forwarded']:,} forwarded, {counts['refused']:,} refused, {counts['cut']:,} cut off"


def compare(deliveries):
    """Runs everything. The number of disagreements."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="evenkeel-differential-"))
        targets, missing = start_targets(stack, directory)
        front = stack.enter_context(Front(directory, targets))
        lanes = [Lane(target, front.ports[target.name], front.barrier_port,
                      [one for one in deliveries if target.name not in one.entry.unfit]) for target in targets]
        run(lanes)
        lines = front.stop()
        total, disagreements = Counter(), 0
        for lane in lanes:
            counts, rest = audit(lane, lines[lane.target.name], lane.target.records())
            disagreements += judge(lane, counts, rest)
            total += counts
            straight = deliveries[::CONTROLS]
            fooled = control.fooled(lane.target, straight)
            print(f"differential: {lane.target.name}: {len(lane.results):,} requests, {summary(counts)}; "
                  f"without evenkeel {fooled} of {len(straight):,} give it a request too many")
            if lane.target.name == "python" and not fooled:
                print("DISAGREEMENT: the corpus does not even fool the naive server")
                disagreements += 1
    names = ", ".join(lane.target.name for lane in lanes) + (f"; not run: {', '.join(missing)}" if missing else "")
    print(f"differential: {sum(len(lane.results) for lane in lanes):,} requests to {len(lanes)} backends ({names}), "
          f"{disagreements} disagreements; {summary(total)}")
    return disagreements


def main():
    if not BINARY:
        sys.exit("EVENKEEL_BIN is not set")
    # Through the exit stack, so that nothing that was started stays.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    began = time.monotonic()
    entries = corpus.entries()
    misprints = list(corpus.misprints(entries))
    if misprints:
        sys.exit("The corpus contradicts itself:\n" + "\n".join(misprints[:SHOWN]))
    disagreements = compare(corpus.deliveries(entries))
    print(f"differential: {len(entries):,} entries, {time.monotonic() - began:.0f} s")
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
