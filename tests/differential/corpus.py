"""The corpus, and how each entry of it is sent."""

import random
from dataclasses import dataclass

import corpus_chunks
import corpus_codings
import corpus_hosts
import corpus_lengths
import corpus_lines
import corpus_options
import corpus_requests
from entries import MARKER_REQUEST, CHUNKED, LAST_CHUNK, Entry, chunk, request
from reading import read_stream

SEED = 20_240_131
ROOMS = (corpus_lengths, corpus_codings, corpus_chunks, corpus_lines, corpus_requests,
         corpus_hosts, corpus_options)

# What comes before an entry when it does not come first.
BEFORE = (request(method=b"GET", target=b"/before-@@@@@@"),
          request([b"Content-Length: 5"], b"hello", target=b"/before-@@@@@@"),
          request([CHUNKED], chunk(b"hello") + LAST_CHUNK, target=b"/before-@@@@@@"))


@dataclass(frozen=True)
class Delivery:
    """One way to send one entry, on a client connection of its own:

    whole: in one segment, with a request behind it. behind: the same, with a right request before it.
    split: in two segments; what follows is sent when the answers have come.
    """

    number: int
    entry: Entry
    mode: str
    parts: tuple

    @property
    def stream(self):
        return b"".join(self.parts)

    def first(self):
        """A stranger's request before any delivery."""
        return get(b"/fresh-000000")

    def after(self):
        """The request that follows on the same connection where that goes on."""
        return get(b"/after-%06d" % self.number)

    def fresh(self):
        """The request of somebody else, next on the same connection to the target."""
        return get(b"/fresh-%06d" % self.number)


def get(target):
    return request(method=b"GET", target=target)


def entries():
    """Every entry once, in a fixed order."""
    seen = {}
    for room in ROOMS:
        for entry in room.entries():
            seen.setdefault(entry.data, entry)
    return list(seen.values())


def deliveries(chosen):
    source = random.Random(SEED)
    made = []
    for index, entry in enumerate(chosen):
        for mode in ("behind" if index % 2 else "whole", "split"):
            number = len(made) + 1
            data = entry.numbered(number)
            if mode == "split":
                at = source.randrange(1, len(data))
                # Behind the answer to a refused switch a request is one again: the cut decides, not the bytes.
                if data.startswith(MARKER_REQUEST[:14], at) and b"pgrade:" in data[:at]:
                    at -= 1
                parts = (data[:at], data[at:])
            else:
                before = BEFORE[index // 2 % len(BEFORE)] if mode == "behind" else b""
                parts = (before.replace(b"@@@@@@", b"%06d" % number) + data + get(b"/after-%06d" % number),)
            made.append(Delivery(number, entry, mode, parts))
    return made


def misprints(chosen):
    """Entries that do not say what the strict reader finds in them."""
    for entry in chosen:
        reading = read_stream(entry.numbered(1))
        found = [request.target for request in reading.requests]
        if (found, reading.end) != (entry.targets(1), entry.end):
            yield (f"{entry.family}: {entry.name}: says {entry.targets(1)} and {entry.end}, "
                   f"a strict reader finds {found} and {reading.end}: {entry.numbered(1)!r}")
