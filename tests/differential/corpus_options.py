"""Fields that speak about the connection or ask for something before the body: Connection, Expect, Upgrade."""

from entries import CHUNKED, FRAMINGS, LENGTH, MARKER_REQUEST, NO_BODY, framed, length_of, refused, request

# nginx takes a second Expect for an attack.
ONE_EXPECT = ("nginx",)


def connections():
    for value in (b"Content-Length", b"content-length", b"Transfer-Encoding", b"Host",
                  b"Content-Length, Transfer-Encoding, Host", b"keep-alive, Content-Length",
                  b"Content-Length, keep-alive", b"Transfer-Encoding, keep-alive", b",Content-Length",
                  b"Content-Length,", b",,Content-Length ,, Transfer-Encoding\t,", b"\tContent-Length\t",
                  b'"Content-Length"', b"Content-Length;", b"Content-Length=0", b"TE, Trailer", b"TE", b"Expect",
                  b"X-Forwarded-For", b"Cookie", b"Connection", b"Upgrade, Content-Length", b"HTTP2-Settings",
                  b"keep-alive", b"Keep-Alive, keep-alive", b"clos", b"close-not", b"not close", b'"close"',
                  b"close;q=1", b"clo\xc3\x9fe", b"", b",", b"Content-Length\r\nConnection: Transfer-Encoding",
                  b"Content-Length, Content-Length", b"x" * 2_000):
        yield from framed("Connection", repr(value[:60]), [b"Connection: " + value])
        yield from framed("Connection", f"{value[:60]!r} last", [b"Connection: " + value], last=True)
    for value in (b"close", b"Close", b"CLOSE", b"close\t", b" close ", b"close, Content-Length",
                  b"Content-Length, close", b"close, keep-alive", b"keep-alive,close", b"x\r\nConnection: close",
                  b"close\r\nConnection: keep-alive", b",close,", b"Transfer-Encoding,\tclose"):
        yield from framed("Connection", repr(value), [b"Connection: " + value], "closed")
    for name in (b"Proxy-Connection", b"Keep-Alive", b"X-Connection"):
        for value in (b"close", b"Content-Length", b"Transfer-Encoding"):
            yield from framed("Connection", f"{name.decode()}: {value.decode()}", [name + b": " + value])
    for bad in (b"Connection : close", b"Connection\0: close", b"Connection: clo\0se", b"Connection: close\r",
                b"Connection: \x0bclose", b"Connection:\r\n close", b"Connection: Content-Length\r\n , close",
                b" Connection: close"):
        yield from framed("Connection", repr(bad), [bad], "refused")


def expectations():
    for value in (b"100-continue", b"100-Continue", b"100-CONTINUE", b"100-continue\t", b"\t100-continue "):
        yield from framed("Expect", repr(value), [b"Expect: " + value])
        yield from framed("Expect", f"{value!r} last", [b"expect:" + value], last=True)
        yield from framed("Expect", f"{value!r} as an option", [b"Connection: Expect", b"Expect: " + value])
        yield from framed("Expect", f"{value!r} of a GET", [b"Expect: " + value], method=b"GET")
        yield from framed("Expect", f"{value!r} of an OPTIONS", [b"Expect: " + value], method=b"OPTIONS")
        yield from framed("Expect", f"{value!r} twice", [b"Expect: " + value] * 2, unfit=ONE_EXPECT)
    for value in (b"", b" ", b"y", b"y 100-continue", b"100-continue y", b"100-continue, 100-continue",
                  b"100-continue,", b",100-continue", b"100-continue;q=1", b"100-continue, y", b"100 continue", b"100",
                  b"100-continue=1", b'"100-continue"', b"100_continue", b"200-ok", b"x=y", b"100-continu",
                  b"100-continuee", b"101-continue", b"100-continue\xa0", b"Content-Length", b"chunked", b"0"):
        yield from framed("Expect", repr(value), [b"Expect: " + value], "refused")
        yield from framed("Expect", f"{value!r} after a right one", [b"Expect: 100-continue", b"Expect: " + value],
                          "refused")
    for bad in (b"Expect : 100-continue", b"Expect:\r\n 100-continue", b"Expect: 100-continue\r\n ",
                b"Expect: 100-continue\r\n\tContent-Length: 0", b"Expect\0: 100-continue", b"Expect: 100-continue\0",
                b"Expect: 100-continue\rX", b"Expect: 100-continue\nX: y", b" Expect: 100-continue",
                b"Expect: \x0b100-continue", b"Expect"):
        yield from framed("Expect", repr(bad), [bad], "refused")
        yield from framed("Expect", f"{bad!r} of an OPTIONS", [bad], "refused", method=b"OPTIONS")
    # A refused expectation must not leave the body to be read as a request.
    yield from refused("Expect", "length behind", request([b"Expect: y", length_of(MARKER_REQUEST)], MARKER_REQUEST))


WEBSOCKET = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
             b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
SETTINGS = b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"


def upgrades():
    for what, lines in (("websocket", WEBSOCKET),
                        ("websocket, wrong version", (*WEBSOCKET[:2], b"Sec-WebSocket-Version: 777")),
                        ("websocket without Connection", WEBSOCKET[1:]),
                        ("websocket, keep-alive", (b"Connection: keep-alive, upgrade", *WEBSOCKET[1:])),
                        ("h2c", (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", SETTINGS)),
                        ("h2c without settings", (b"Connection: Upgrade", b"Upgrade: h2c")),
                        ("h2c without Connection", (b"Upgrade: h2c", SETTINGS)),
                        ("H2C", (b"Connection: upgrade", b"Upgrade: H2C", SETTINGS)),
                        ("h2", (b"Connection: Upgrade", b"Upgrade: h2")),
                        ("HTTP/2.0", (b"Connection: Upgrade", b"Upgrade: HTTP/2.0")),
                        ("TLS", (b"Connection: Upgrade", b"Upgrade: TLS/1.2, HTTP/1.1")),
                        ("list", (b"Connection: Upgrade", b"Upgrade: websocket, h2c")),
                        ("two fields", (b"Connection: Upgrade", b"Upgrade: h2c", b"Upgrade: websocket")),
                        ("empty", (b"Connection: Upgrade", b"Upgrade:")), ("none", (b"Connection: Upgrade",)),
                        ("with Content-Length as an option",
                         (b"Connection: Upgrade, Content-Length", b"Upgrade: websocket")),
                        ("with Expect", (*WEBSOCKET, b"Expect: 100-continue")),
                        ("via Proxy-Connection", (b"Proxy-Connection: Upgrade", b"Upgrade: websocket"))):
        named = any(line.startswith(b"Connection:") and b"upgrade" in line.lower() for line in lines)
        switch = named and any(line.startswith(b"Upgrade: ") for line in lines)
        for method in (b"GET", b"POST", b"HEAD"):
            yield from framed("Upgrade", f"{what} / {method.decode()}", lines, method=method, switch=switch)
        yield from framed("Upgrade", f"{what}, close", (*lines, b"Connection: close"), "closed", (NO_BODY, LENGTH),
                          method=b"GET")
        unchunked = tuple(framing for framing in FRAMINGS if CHUNKED not in framing.lines)
        end = "open" if b"keep-alive" in lines[0] else "closed"
        yield from framed("Upgrade", f"{what} / HTTP/1.0", lines, end, unchunked, method=b"GET", version=b"HTTP/1.0",
                          switch=switch)
    for bad in (b"Upgrade : websocket", b"Upgrade: websocket\0", b"Upgrade:\r\n websocket", b"Upgrade: websocket\rX",
                b" Upgrade: websocket"):
        yield from framed("Upgrade", repr(bad), [b"Connection: Upgrade", bad], "refused", method=b"GET")
    yield from refused("Upgrade", "no Host", request(WEBSOCKET, host=b"", method=b"GET"))


def entries():
    yield from connections()
    yield from expectations()
    yield from upgrades()
