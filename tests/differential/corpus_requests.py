"""Requests that are right, though odd: targets, methods, versions, several in a row. What counts is that the
bounds survive the way to a target.
"""

from itertools import product

from entries import (CHUNKED, CHUNKS, FRAMINGS, LENGTH, MARKER, MARKER_REQUEST, NO_BODY, OWN, SECOND, Entry, framed,
                     request)
from reading import METHODS

PLAIN = (NO_BODY, LENGTH, CHUNKS)

# What these servers refuse though it is right, or answer before a program sees it.
NO_ASTERISK = ("nginx", "go")
NO_PERCENT = ("nginx", "go")


def targets():
    for suffix in (b"?x=y", b"?http://evil.example/", b"%20HTTP/1.1", b"%0d%0aX:%20y", b";x=y", b"//x", b"/./x",
                   b"/a/../x", b"?a?b", b"?%00", b"|^{}`", b"\"<>", b"\\..\\x", b"[1]", b"!$&'()*+,", b"@evil.example",
                   b":80", b"?Content-Length:5"):
        yield from framed("target", repr(suffix), (), framings=PLAIN, target=OWN + suffix, sees=OWN + suffix)
    yield from framed("target", "led by two slashes", (), framings=PLAIN, target=b"/" + OWN, sees=b"/" + OWN)
    yield from framed("target", "stray percent", (), framings=PLAIN, target=OWN + b"%zz", sees=OWN + b"%zz",
                      unfit=NO_PERCENT)
    for authority, scheme in product((b"differential.example", b"differential.example:80", b"other.example",
                                      b"[::1]:8080", b"DIFFERENTIAL.example", b"127.0.0.1"), (b"http://", b"HTTP://")):
        yield from framed("target", f"absolute {scheme + authority!r}", (), target=scheme + authority + OWN)
    yield from framed("target", "OPTIONS *", (), method=b"OPTIONS", target=b"*", sees=b"*", unfit=NO_ASTERISK)
    yield from framed("target", "OPTIONS of a whole server", (), method=b"OPTIONS",
                      target=b"http://differential.example", sees=b"*", unfit=NO_ASTERISK)


def every_method():
    for method in sorted(METHODS - {b"CONNECT", b"TRACE"}):
        yield from framed("method", method.decode(), (), method=method)
    for name, value in ((b"X-HTTP-Method-Override", b"GET"), (b"X-HTTP-Method", b"HEAD"),
                        (b"X-Method-Override", b"CONNECT")):
        yield from framed("method", name.decode(), [name + b": " + value])


def old_version():
    old = {"version": b"HTTP/1.0"}
    unchunked = tuple(framing for framing in FRAMINGS if CHUNKED not in framing.lines)
    chunked = tuple(framing for framing in FRAMINGS if CHUNKED in framing.lines)
    for what, lines, end in (("plain", [], "closed"), ("keep-alive", [b"Connection: keep-alive"], "open"),
                             ("Keep-Alive", [b"Connection: Keep-Alive"], "open"),
                             ("keep-alive, close", [b"Connection: keep-alive, close"], "closed"),
                             ("Keep-Alive field", [b"Keep-Alive: timeout=5"], "closed"),
                             ("Expect", [b"Expect: 100-continue"], "closed"), ("odd Expect", [b"Expect: y"], "closed"),
                             ("Upgrade", [b"Connection: upgrade", b"Upgrade: h2c"], "closed")):
        yield from framed("HTTP/1.0", what, lines, end, unchunked, **old)
        yield from framed("HTTP/1.0", what, lines, "refused", chunked, **old)
        yield from framed("HTTP/1.0", f"{what}, no Host", lines, end, unchunked, host=b"", **old)


def odd_fields():
    """Fields that some program once read a body length, or a connection's fate, from."""
    for line in (b"Sec-WebSocket-Key1: x", b"Content-Type: multipart/byteranges; boundary=x",
                 b"Content-Type: message/http", b"Range: bytes=0-5", b"Content-Range: bytes 0-5/10",
                 b"Content-Encoding: gzip", b"Max-Forwards: 5", b"Transfer_Encoding: chunked", b"Content_Length: 5",
                 b"X-Accel-Redirect: /x", b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7",
                 b"X-Original-URL: " + MARKER, b"X-Rewrite-URL: " + MARKER, b"Content-Disposition: x",
                 b"Cookie: a=b\r\nCookie: c=d", b"Via: 1.1 x", b"Forwarded: for=x", b"X: " + b"a" * 8_000,
                 b"X:\r\nX:\r\nX:", b"X: \xff\xfe", b"X:\t", b"Date: \r\nHost-: x", b"Proxy: x", b"If: x",
                 b"SOAPAction: x", b"Early-Data: 1", b"Priority: u=0", b"Content-MD5: 0", b"Warning: 1",
                 b"Connection: x\r\nX: y", b"Accept: " + b"a," * 500):
        yield from framed("field", repr(line[:60]), [line])
    yield from framed("field", "ninety of them", [b"X-%d: y" % i for i in range(90)])


def body_alone(framing):
    """Without the marker, where that would be the next request."""
    return framing.body if len(framing.taken) == 1 else framing.body.removesuffix(MARKER_REQUEST)


def pipelines():
    """Two right ones in a row in every pair of framings, then the marker as the third, or junk."""
    for one, two in product(FRAMINGS, FRAMINGS):
        bodies = [body_alone(framing) for framing in (one, two)]
        both = request(one.lines, bodies[0]) + request(two.lines, bodies[1], target=SECOND)
        name = f"{one.name}, {two.name}"
        for empty in (b"", b"\r\n"):
            line = "" if not empty else ", empty line"
            yield Entry("pipeline", f"{name}{line}", both + empty, (OWN, SECOND))
            yield Entry("pipeline", f"{name}{line}, marker", both + empty + MARKER_REQUEST, (OWN, SECOND, MARKER))
        for junk in (b"\r\n\r\n", b"\n", b" ", b"\0", b"XX\r\n", b"\rX", b"0\r\n\r\n", b":"):
            yield Entry("pipeline", f"{name}, {junk!r}, marker", both + junk + MARKER_REQUEST, (OWN, SECOND), "refused")
    many = b"".join(request(framing.lines, framing.body) for framing in (LENGTH, CHUNKS) * 10)
    yield Entry("pipeline", "twenty", many, (OWN,) * 20)
    yield Entry("pipeline", "twenty without bodies", request(method=b"GET") * 20, (OWN,) * 20)
    yield Entry("pipeline", "twenty empty lines between", b"\r\n".join([request(method=b"GET")] * 20), (OWN,) * 20)


def entries():
    yield from targets()
    yield from every_method()
    yield from old_version()
    yield from odd_fields()
    yield from pipelines()
