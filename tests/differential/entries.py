"""What a corpus entry is, and the bricks it is built of.

An entry says by itself what a strict reader takes from it. reading.py says it a second time, and the test
begins with a comparison of the two.
"""

from dataclasses import dataclass
from itertools import cycle

# Stands for the number of the delivery, and is as long, so that lengths are right before it is known.
ID = b"@@@@@@"
OWN = b"/d-" + ID + b"-0"
SECOND = b"/d-" + ID + b"-1"
MARKER = b"/smuggled-" + ID
HOST = b"Host: differential.example"

# The request that only a parser which lost the bounds of a body sees, or which is next in line.
MARKER_REQUEST = b"GET " + MARKER + b" HTTP/1.1\r\n" + HOST + b"\r\n\r\n"
# The same without its end: it would swallow the request of whoever comes next.
OPEN_MARKER = b"GET " + MARKER + b" HTTP/1.1\r\n" + HOST + b"\r\nX-Swallow: "

# Every entry is a POST, and one of these in turn: their bodies are what servers forget to read.
OTHER_METHODS = cycle([b"GET", b"OPTIONS", b"DELETE", b"HEAD", b"PUT", b"PATCH"])

CHUNKED = b"Transfer-Encoding: chunked"
LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True)
class Entry:
    family: str
    name: str
    data: bytes
    taken: tuple = (OWN,)  # the targets of the requests in it, in order; the marker only where it is legitimate
    end: str = "open"  # open, closed, refused, cut: see reading.Reading
    unfit: frozenset = frozenset()  # backends that refuse it though it is right, so that it says nothing there

    @property
    def has_marker(self):
        """Whether the marker in it is a legitimate request."""
        return MARKER in self.taken

    def numbered(self, number):
        return self.data.replace(ID, b"%06d" % number)

    def targets(self, number):
        return [target.replace(ID, b"%06d" % number).decode("latin-1") for target in self.taken]


def request(lines=(), body=b"", method=b"POST", target=OWN, version=b"HTTP/1.1", host=HOST):
    head = [b" ".join((method, target, version)), *([host] if host else []), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def length_of(data):
    return b"Content-Length: %d" % len(data)


def methods():
    return b"POST", next(OTHER_METHODS)


@dataclass(frozen=True)
class Framing:
    """A way to carry, or be followed by, the marker."""

    name: str
    lines: tuple
    body: bytes
    taken: tuple


FRAMINGS = (
    Framing("no body", (), MARKER_REQUEST, (OWN, MARKER)),
    Framing("length", (length_of(MARKER_REQUEST),), MARKER_REQUEST, (OWN,)),
    Framing("length 0", (b"Content-Length: 0",), MARKER_REQUEST, (OWN, MARKER)),
    Framing("chunked", (CHUNKED,), chunk(MARKER_REQUEST) + LAST_CHUNK, (OWN,)),
    Framing("chunked 0", (CHUNKED,), LAST_CHUNK + MARKER_REQUEST, (OWN, MARKER)),
)

NO_BODY, LENGTH, _, CHUNKS, _ = FRAMINGS


def framed(family, name, lines, end="open", framings=FRAMINGS, *, sees=OWN, unfit=(), last=False, switch=False, **more):
    """One entry a framing, `lines` before the framing field, or `last`. A target sees the request as `sees`.
    Behind one that asks to `switch` protocols nothing is a request."""
    open_end = end
    for framing in framings:
        end = "closed" if switch and open_end == "open" and len(framing.taken) > 1 else open_end
        both = (*framing.lines, *lines) if last else (*lines, *framing.lines)
        taken = {"open": (sees, *framing.taken[1:]), "closed": (sees,), "refused": ()}[end]
        yield Entry(family, f"{name} / {framing.name}", request(both, framing.body, **more), taken, end,
                    frozenset(unfit))


def refused(family, name, data):
    """Alone, and with a request behind it that must not be answered."""
    yield Entry(family, name, data, (), "refused")
    yield Entry(family, f"{name} / marker behind", data + MARKER_REQUEST, (), "refused")
