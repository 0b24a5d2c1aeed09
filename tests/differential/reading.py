"""What a stream of bytes says to one strict reader of HTTP/1.1: RFC 9110 and 9112, and the table "What is
refused" in docs/architecture.md. It shares nothing with the proxy, whose reading it is compared with.
"""

import re
from dataclasses import dataclass

from reading_body import CUT, DONE, read_chunks

HEAD_BYTES = 16_384
URI_BYTES = 8_192
FIELDS = 100
MAX_LENGTH = 2**63 - 1

# The methods that llhttp knows in HTTP; any other is a 501.
METHODS = frozenset(
    b"DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND "
    b"REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE "
    b"MKCALENDAR LINK UNLINK SOURCE".split())
# It knows these too, as methods of RTSP and HTTP/2: a 400.
OTHER_PROTOCOLS = frozenset(
    b"DESCRIBE ANNOUNCE SETUP PLAY PAUSE TEARDOWN GET_PARAMETER SET_PARAMETER REDIRECT RECORD FLUSH PRI".split())

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# A CR at the very end may still get its LF.
BAD_BYTE = re.compile(rb"\r(?!\n|\Z)|(?<!\r)\n|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
BAD_LINE_START = re.compile(rb"(?:\A|\r\n)[ \t:]")
REQUEST_LINE = re.compile(rb"(%s) ([^ \t]+) HTTP/([0-9])\.([0-9])" % TOKEN)
FIELD = re.compile(rb"(%s):[ \t]*(.*?)([ \t]*)" % TOKEN, re.DOTALL)
HOST = re.compile(rb"(?:[A-Za-z0-9\-._~%!$&'()*+,;=]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
ABSOLUTE = re.compile(rb"http://([^/?]*)(/.*)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Request:
    """A request as a target must understand it."""

    method: str
    uri: str  # as the client wrote it
    target: str  # as a target gets it
    host: str  # empty: the client (HTTP/1.0) named none
    framing: str  # none, length, chunked
    body: bytes


@dataclass(frozen=True)
class Reading:
    """The whole requests of a stream, in order, and how it ends after them:

    open: the next request may follow. closed: the last one asked for that, or asked to switch protocols with bytes
    behind it, which are frames to one side and a request to the other.
    refused: something that is not a request, answered with one of `statuses`.
    cut: the stream stops within a head or body.
    """

    requests: tuple
    end: str
    statuses: frozenset = frozenset()
    partial: Request | None = None  # its head was right, its body was refused or cut


class Refused(Exception):
    def __init__(self, statuses):
        super().__init__()
        self.statuses = frozenset(statuses)


def read_stream(data):
    requests = []
    position = 0
    while True:
        if data.startswith(b"\r\n", position):  # one empty line is forgiven
            position += 2
        if position == len(data):
            return Reading(tuple(requests), "open")
        head = whole_head(data[position:])
        if head is None:
            return Reading(tuple(requests), "cut")
        try:
            request, length, keep, asks_switch = read_head(head)
        except Refused as refusal:
            return Reading(tuple(requests), "refused", refusal.statuses)
        state, body, position = read_body(data, position + len(head), request.framing, length)
        request = Request(**{**request.__dict__, "body": body})
        if state == CUT:
            return Reading(tuple(requests), "cut", partial=request)
        if state != DONE:
            return Reading(tuple(requests), "refused", frozenset({400}), request)
        requests.append(request)
        if not keep or (asks_switch and position < len(data)):
            return Reading(tuple(requests), "closed")


def whole_head(data):
    """The bytes of the head, also of one that is hopeless already; None when more must come."""
    end = data.find(b"\r\n\r\n")
    head = data if end < 0 else data[:end + 4]
    hopeless = BAD_BYTE.search(head) or BAD_LINE_START.search(head) or head.startswith(b"\r\n")
    return None if end < 0 and not hopeless and len(head) <= HEAD_BYTES else head


def read_head(head):
    """(request without its body, length, whether the connection goes on, whether it asks to switch protocols);
    Refused with every status that a reader may give, as one that finds two mistakes may name either."""
    problems = {431} if len(head) > HEAD_BYTES else set()
    if BAD_BYTE.search(head) or BAD_LINE_START.search(head) or head.startswith(b"\r\n"):
        raise Refused(problems | {400})
    if problems:
        raise Refused(problems)
    line, *lines = head[:-4].split(b"\r\n")
    parts = REQUEST_LINE.fullmatch(line)
    if not parts:
        raise Refused({400})
    method, uri, major, minor = parts.groups()
    if len(uri) > URI_BYTES:
        problems.add(414)
    if major != b"1" or minor not in (b"0", b"1"):
        problems.add(505)
    if method in OTHER_PROTOCOLS:
        problems.add(400)
    elif method not in METHODS:
        problems.add(501)
    if method in (b"CONNECT", b"TRACE"):
        problems.add(405)
    if len(lines) > FIELDS:
        problems.add(431)
    fields = [FIELD.fullmatch(one) for one in lines]
    if not all(fields):
        raise Refused(problems | {400})
    # A tab behind the digits is white space, says the RFC. llhttp refuses it: more than needed, and safe.
    if any(field[1].lower() == b"content-length" and b"\t" in field[3] for field in fields):
        problems.add(400)
    fields = [(field[1].lower(), field[2]) for field in fields]
    new = minor != b"0"
    authority, target = read_target(method, uri, problems)
    host = read_host(fields, authority, new, problems)
    framing, length = read_framing(fields, new, problems)
    if new and any(value.lower() != b"100-continue" for value in all_of(fields, b"expect")):
        problems.add(417)
    if problems:
        raise Refused(problems)
    options = [part.strip(b" \t").lower() for value in all_of(fields, b"connection") for part in value.split(b",")]
    keep = b"close" not in options and (new or b"keep-alive" in options)
    text = [part.decode("latin-1") for part in (method, uri, target, host)]
    asks_switch = b"upgrade" in options and any(all_of(fields, b"upgrade"))
    return Request(*text, framing, b""), length, keep, asks_switch


def all_of(fields, name):
    return [value for key, value in fields if key == name]


def read_target(method, uri, problems):
    """(authority of an absolute-form target, what the target is asked for)"""
    if re.search(rb"[^\x21-\x7e]|#", uri):
        problems.add(400)
    if uri.startswith(b"/"):
        return b"", uri
    if uri == b"*" and method == b"OPTIONS":
        return b"", uri
    absolute = ABSOLUTE.fullmatch(uri)
    if not absolute or not HOST.fullmatch(absolute[1]):
        problems.add(400)
        return b"", uri
    return absolute[1], absolute[2] or (b"*" if method == b"OPTIONS" else b"/")


def read_host(fields, authority, new, problems):
    hosts = all_of(fields, b"host")
    if len(hosts) > 1 or (new and not hosts) or any(not HOST.fullmatch(host) for host in hosts):
        problems.add(400)
    return authority or (hosts[0] if hosts else b"")


def read_framing(fields, new, problems):
    lengths = all_of(fields, b"content-length")
    codings = all_of(fields, b"transfer-encoding")
    if len(lengths) + len(codings) > 1:
        problems.add(400)
    if any(not re.fullmatch(rb"[0-9]+", length) or int(length) > MAX_LENGTH for length in lengths):
        problems.add(400)
    if codings and (not new or any(coding.lower() != b"chunked" for coding in codings)):
        problems.add(400)
    if problems:
        return "none", 0
    if codings:
        return "chunked", 0
    return ("length", int(lengths[0])) if lengths else ("none", 0)


def read_body(data, position, framing, length):
    """(how it ends, the body or what came of it, where the next request begins)"""
    if framing == "chunked":
        return read_chunks(data, position)
    body = data[position:position + length]
    return (DONE if len(body) == length else CUT), body, position + len(body)
