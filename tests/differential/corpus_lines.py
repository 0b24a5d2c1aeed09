"""Request lines that are none: separators, versions, targets, methods; and first bytes that begin no request."""

from entries import HOST, ID, MARKER, MARKER_REQUEST, OWN, length_of, refused, request


def line_and(line, lines=(HOST,), body=b""):
    return b"\r\n".join([line, *lines]) + b"\r\n\r\n" + body


def bad_lines():
    """(what it is, the whole line without its CRLF)"""
    for what, gap in (("tab", b"\t"), ("two spaces", b"  "), ("space and tab", b" \t"), ("vertical tab", b"\x0b"),
                      ("form feed", b"\x0c"), ("0xa0", b"\xa0"), ("0x85", b"\x85"), ("NUL", b"\0"), ("CR", b"\r"),
                      ("LF", b"\n"), ("CRLF", b"\r\n"), ("fold", b"\r\n "), ("nothing", b""), ("backspace", b"\x08"),
                      ("plus", b"+"), ("0x1c", b"\x1c")):
        yield f"{what} before the target", b"POST" + gap + OWN + b" HTTP/1.1"
        yield f"{what} before the version", b"POST " + OWN + gap + b"HTTP/1.1"
        if what not in ("nothing", "CRLF"):
            yield f"{what} before the method", gap + b"POST " + OWN + b" HTTP/1.1"
            yield f"{what} after the version", b"POST " + OWN + b" HTTP/1.1" + gap
            if what != "plus":
                yield f"{what} in the target", b"POST " + OWN + gap + b"x HTTP/1.1"
            yield f"{what} and a request after the version", b"POST " + OWN + b" HTTP/1.1" + gap + MARKER_REQUEST[:-4]
    for version in (b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/3.0", b"HTTP/9.9", b"HTTP/0.0",
                    b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1.01", b"HTTP/11.1", b"http/1.1", b"Http/1.1", b"HTTP/1",
                    b"HTTP/1.", b"HTTP/.1", b"HTTP/", b"HTTP", b"HTTP1.1", b"HTTP/1,1", b"HTTP/1.1.1", b"HTTP/1.1;",
                    b"HTTP/1.1x", b"HTTP/-1.1", b"HTTP/+1.1", b"HTTP/1.\xb2", b"HTTPS/1.1", b"RTSP/1.0", b"ICE/1.0",
                    b"SIP/2.0", b"XTTP/1.1", b"HTTP /1.1", b"HTTP/ 1.1", b"HTTP/1 .1", b"HTTP/1.1 HTTP/1.1",
                    b"HTTP/1.1 /", b"h2c", b"HTTP\\1.1", b""):
        yield f"version {version!r}", b"POST " + OWN + b" " + version
    yield "no version", b"POST " + OWN
    yield "method only", b"POST"
    yield "target only", OWN
    for target in (b"x", b"", b"*", b"?" + OWN, b"\\" + OWN, b"d-" + ID, OWN + b"#x", b"#" + OWN, b"a:80",
                   b"differential.example", b"http:" + OWN, b"http://" + OWN, b"http://u@a" + OWN,
                   b"http://u:p@a" + OWN, b"https://differential.example" + OWN, b"ftp://a" + OWN, b"file://" + OWN,
                   b"http://a b" + OWN, b"http://a:b" + OWN, b"http://a?" + OWN, b"http://[::1" + OWN,
                   b"http://a\\b" + OWN, b"http://a#" + OWN, b"javascript:x", OWN + b"\xff", OWN + b"\xc3\xa9",
                   OWN + b"\x7f", OWN + b"\x01", OWN + b" " + MARKER, b"%2f" + OWN[1:], b"http://:80" + OWN,
                   b"/" * 9_000):
        yield f"target {target[:50]!r}", b"POST " + target + b" HTTP/1.1"
    for method in (b"post", b"Post", b"PO ST", b"POST:", b"(POST)", b'"POST"', b"POST/", b"POST,GET", b"\x80POST",
                   b"POS\xc3\x94", b"P\0ST", b"FOO", b"QUERY", b"POSTPOST", b"GE", b"GETX", b"-", b"!", b"0", b"1\r\n",
                   b"DESCRIBE", b"ANNOUNCE", b"SETUP", b"PLAY", b"TEARDOWN", b"GET_PARAMETER", b"REDIRECT", b"FLUSH",
                   b"PRI", b"DEBUG", b"TRACK", b"CONNECT", b"TRACE", b"BREW", b"X" * 100):
        yield f"method {method[:20]!r}", method + b" " + OWN + b" HTTP/1.1"


def whole_heads():
    """Heads whose very first bytes, or whose first line end, are wrong."""
    yield from ((what, data) for what, data in (
        ("LF only", b"POST " + OWN + b" HTTP/1.1\n" + HOST + b"\n" + length_of(MARKER_REQUEST) + b"\n\n"),
        ("LF after the request line", b"POST " + OWN + b" HTTP/1.1\n" + HOST + b"\r\n\r\n"),
        ("LF after a field",
         b"POST " + OWN + b" HTTP/1.1\r\n" + HOST + b"\n" + length_of(MARKER_REQUEST) + b"\r\n\r\n"),
        ("LF for the empty line", line_and(b"POST " + OWN + b" HTTP/1.1")[:-2] + b"\n"),
        ("CR for the empty line", line_and(b"POST " + OWN + b" HTTP/1.1")[:-2] + b"\rX"),
        ("LF CR for the empty line", line_and(b"POST " + OWN + b" HTTP/1.1")[:-2] + b"\n\r"),
        ("CR only", b"POST " + OWN + b" HTTP/1.1\r" + HOST + b"\r\rX"),
        ("CR CR LF", line_and(b"POST " + OWN + b" HTTP/1.1").replace(b"\r\n", b"\r\r\n")),
        ("space in the empty line", line_and(b"POST " + OWN + b" HTTP/1.1")[:-2] + b" \r\n\r\n"),
        ("HTTP/0.9", b"GET " + OWN + b"\r\n\r\n"),
        ("HTTP/0.9 with LF", b"GET " + OWN + b"\n"),
        ("HTTP/0.9 with a length", b"POST " + OWN + b"\n" + HOST + b"\n" + length_of(MARKER_REQUEST) + b"\n\n"),
        ("two empty lines before", b"\r\n\r\n" + request()),
        ("LF before", b"\n" + request()),
        ("CR before", b"\r" + request()),
        ("LF and CRLF before", b"\n\r\n" + request()),
        ("CRLF and LF before", b"\r\n\n" + request()),
        ("CRLF and space before", b"\r\n " + request()),
        ("NUL before", b"\0" + request()),
        ("zero before", b"0\r\n\r\n" + request()),
        ("chunk before", b"3\r\nabc\r\n0\r\n\r\n" + request()),
        ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("PROXY protocol", b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" + request()),
        ("PROXY protocol 2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\x7f\0\0\1" * 3 + request()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + request()),
        ("a response", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + request()),
        ("hundred fields too many", request([b"X: y"] * 200)),
        ("head of 40 kB", request([b"X: " + b"a" * 40_000])),
        ("many fields of 40 kB", request([b"X: " + b"a" * 1_000] * 40)),
    ))


def entries():
    for what, line in bad_lines():
        yield from refused("request line", what, line_and(line))
        yield from refused("request line", f"{what} / length",
                           line_and(line, (HOST, length_of(MARKER_REQUEST)), MARKER_REQUEST))
    for what, data in whole_heads():
        yield from refused("first bytes", what, data)
