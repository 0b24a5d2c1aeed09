"""A chunked body, read strictly (RFC 9112 section 7.1): no white space around a size, CRLF and nothing else
ends a line, a trailer line is a field. The fields of a trailer mean nothing.
"""

import re

DONE, CUT, BAD = "done", "cut", "bad"

LINE_BYTES = 256
TRAILER_BYTES = 4_096
MAX_SIZE = 2**63 - 1

TEXT = rb"[\t\x20-\x7e\x80-\xff]*"
SIZE_LINE = re.compile(rb"([0-9A-Fa-f]+)(;%s)?" % TEXT)
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
TRAILER_LINE = re.compile(rb"%s:%s" % (TOKEN, TEXT))
TRAILER_START = re.compile(rb"%s(:%s)?" % (TOKEN, TEXT))


def read_chunks(data, position):
    """(how it ends, the body or what came of it, where the next request begins)"""
    body = b""
    while True:
        state, line, position = take_line(data, position, SIZE_LINE, SIZE_LINE, LINE_BYTES)
        if state != DONE:
            return state, body, position
        size = int(SIZE_LINE.fullmatch(line)[1], 16)
        if size > MAX_SIZE:
            return BAD, body, position
        if size == 0:
            return read_trailer(data, position, body)
        piece = data[position:position + size]
        body += piece
        position += len(piece)
        if len(piece) < size:
            return CUT, body, position
        ending = data[position:position + 2]
        if ending != b"\r\n":
            return (CUT if b"\r\n".startswith(ending) else BAD), body, position
        position += 2


def read_trailer(data, position, body):
    begin = position
    while True:
        if data[position:position + 2] == b"\r\n":
            return DONE, body, position + 2
        left = TRAILER_BYTES - (position - begin)
        state, _, position = take_line(data, position, TRAILER_LINE, TRAILER_START, left)
        if state != DONE:
            return state, body, position


def take_line(data, position, whole, start, limit):
    """The line at `position` without its CRLF. `whole` is what it must be, `start` what it may be so far."""
    line = re.compile(rb"[^\r]*").match(data, position)[0]
    if len(line) > limit:
        return BAD, line, position
    after = data[position + len(line):position + len(line) + 2]
    if after == b"":
        return (CUT if not line or start.fullmatch(line) else BAD), line, position
    if after == b"\r" and (not line or whole.fullmatch(line)):
        # An empty size line is wrong already; an empty trailer line may be the end.
        return (CUT if line or whole is TRAILER_LINE else BAD), line, position
    if after != b"\r\n" or not whole.fullmatch(line):
        return BAD, line, position
    return DONE, line, position + len(line) + 2
