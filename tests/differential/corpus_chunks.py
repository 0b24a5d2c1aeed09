"""Chunked bodies: sizes, extensions, line ends ("funky chunks"), and what a trailer may hold."""

from entries import CHUNKED, LAST_CHUNK, MARKER, MARKER_REQUEST, OWN, Entry, chunk, methods, request

GOOD, BAD, CUT = "good", "bad", "cut"

# Where one parser sees a chunk of this many bytes, another sees the request in it.
INNER = MARKER_REQUEST
SIZE = b"%x" % len(INNER)


def sizes():
    """(what it is, the body, kind)"""
    for what, size in (("upper case", SIZE.upper()), ("leading zero", b"0" + SIZE), ("sixteen zeros", b"0" * 16 + SIZE),
                       ("two hundred zeros", b"0" * 200 + SIZE)):
        yield what, size + b"\r\n" + INNER + b"\r\n" + LAST_CHUNK, GOOD
    yield "end of many zeros", chunk(INNER) + b"00000000\r\n\r\n", GOOD
    yield "chunks of one byte", b"".join(chunk(INNER[i:i + 1]) for i in range(len(INNER))) + LAST_CHUNK, GOOD
    for what, size in (
            ("plus", b"+" + SIZE), ("minus", b"-" + SIZE), ("minus zero", b"-0"), ("plus zero", b"+0"),
            ("0x", b"0x" + SIZE), ("0X", b"0X" + SIZE), ("0x0", b"0x0"), ("x", b"x" + SIZE),
            ("underscore", b"0_" + SIZE), ("space before", b" " + SIZE), ("tab before", b"\t" + SIZE),
            ("space behind", SIZE + b" "), ("tab behind", SIZE + b"\t"), ("many spaces behind", SIZE + b" " * 20),
            ("space within", SIZE[:1] + b" " + SIZE[1:]), ("vertical tab behind", SIZE + b"\x0b"),
            ("NUL behind", SIZE + b"\0"), ("NUL before", b"\0" + SIZE), ("0xa0 behind", SIZE + b"\xa0"),
            ("0x85 behind", SIZE + b"\x85"), ("h", SIZE + b"h"), ("L", SIZE + b"L"), ("decimal", SIZE + b".0"),
            ("comma", SIZE + b",0"), ("colon", SIZE + b":a"), ("equals", SIZE + b"=a"), ("quoted", b'"' + SIZE + b'"'),
            ("empty", b""), ("blank", b" "), ("g", b"g"), ("word", b"none"), ("full-width digit", "\uff11".encode()),
            ("Arabic digit", "\u0663".encode()), ("superscript", b"\xb2"), ("CR before", b"\r" + SIZE),
            ("CR behind", SIZE + b"\r"), ("CR and junk", SIZE + b"\rX"), ("LF before", b"\n" + SIZE),
            ("CRLF before", b"\r\n" + SIZE), ("16 f", b"f" * 16), ("17 digits", b"1" + b"0" * 14 + SIZE),
            ("2^64 more", b"1" + SIZE.rjust(16, b"0")), ("2^63 more", b"8" + SIZE.rjust(15, b"0")),
            ("f0000000000000003", b"f0000000000000003"), ("sixty f", b"f" * 60),
            ("line of 10,000 zeros", b"0" * 10_000 + SIZE), ("zero with a space", b"0 "), ("space and zero", b" 0"),
            ("zero and NUL", b"0\0")):
        yield what, size + b"\r\n" + INNER + b"\r\n" + LAST_CHUNK, BAD
    yield "2^32 more", b"1" + SIZE.rjust(8, b"0") + b"\r\n" + INNER + b"\r\n" + LAST_CHUNK, CUT
    yield "16 digits", b"1" + b"0" * 13 + SIZE + b"\r\n" + INNER + b"\r\n" + LAST_CHUNK, CUT
    yield "2^63 less", b"7" + b"f" * 15 + b"\r\n" + INNER + b"\r\n" + LAST_CHUNK, CUT


def extensions():
    good = (b";", b";a", b";a=b", b';a="b"', b";a=b;c=d", b'; a = "b c"', b";a=b ", b";\t", b";" + b"a" * 200,
            b";a=\xff", b';a=";"', b';a="\\""', b";0", b";%0d%0a", b';a="' + MARKER + b'"', b";;;", b"; " + SIZE)
    for extension in good:
        yield f"extension {extension!r}", SIZE + extension + b"\r\n" + INNER + b"\r\n" + LAST_CHUNK, GOOD
        yield f"extension of the end {extension!r}", chunk(INNER) + b"0" + extension + b"\r\n\r\n", GOOD
    bad = (b" ;a", b"\t;a", b" ; a=b", b";a\0", b";a\x0b", b";a\x7f", b";a\rb", b";\r", b";a\r;b", b";\rxx", b";\nxx",
           b";a\n", b";\n", b"\n", b"\r", b";a=\"\r\n\"", b";" + b"a" * 300, b";" + b"a" * 9_000, b",a=b", b"g;",
           b"\x85;a", b";a=b\n\r", b";\x01")
    for extension in bad:
        # A parser that takes the odd line end for the end of the line reads other bytes as data.
        text = SIZE + extension + b"\r\n" + INNER + b"\r\n" + LAST_CHUNK
        yield f"extension {extension!r}", text, BAD
        yield f"extension of the end {extension!r}", chunk(b"a") + b"0" + extension + b"\r\n\r\n", BAD


def line_ends():
    inner, size = INNER, SIZE
    yield from ((what, body, BAD) for what, body in (
        ("LF after a size", size + b"\n" + inner + b"\r\n" + LAST_CHUNK),
        ("CR after a size", size + b"\r" + inner + b"\r\n" + LAST_CHUNK),
        ("CR CR after a size", size + b"\r\r" + inner + b"\r\n" + LAST_CHUNK),
        ("LF LF after a size", size + b"\n\n" + inner + b"\r\n" + LAST_CHUNK),
        ("CR CR LF after a size", size + b"\r\r\n" + inner + b"\r\n" + LAST_CHUNK),
        ("LF CR after a size", size + b"\n\r" + inner + b"\r\n" + LAST_CHUNK),
        ("nothing after the data", size + b"\r\n" + inner + LAST_CHUNK),
        ("LF after the data", size + b"\r\n" + inner + b"\n" + LAST_CHUNK),
        ("CR after the data", size + b"\r\n" + inner + b"\r" + LAST_CHUNK),
        ("LF CR after the data", size + b"\r\n" + inner + b"\n\r" + LAST_CHUNK),
        ("LF LF after the data", size + b"\r\n" + inner + b"\n\n" + LAST_CHUNK),
        ("XX after the data", size + b"\r\n" + inner + b"XX" + LAST_CHUNK),
        ("XX and CRLF after the data", size + b"\r\n" + inner + b"XX\r\n" + LAST_CHUNK),
        ("X and LF after the data", size + b"\r\n" + inner + b"X\n" + LAST_CHUNK),
        ("CR X after the data", size + b"\r\n" + inner + b"\rX" + LAST_CHUNK),
        ("two CRLF after the data", size + b"\r\n" + inner + b"\r\n\r\n" + LAST_CHUNK),
        ("a size for the line end (TERM.SPILL)", b"5\r\nAAAAA" + size + b"\r\n" + inner + b"\r\n" + LAST_CHUNK),
        ("spilt by two (SPILL.TERM)", b"2\r\nab" + b"45\r\n" + inner + b"\r\n" + LAST_CHUNK),
        ("end hidden by two bytes (ONE.TWO)", b"2\r\nab\n0\r\n\r\n"),
        ("end hidden by one byte (TWO.ONE)", b"2\r\nab\r0\r\n\r\n"),
        ("end hidden by none (ZERO.TWO)", b"2\r\nab0\r\n\r\n"),
        ("LF in an extension (TERM.EXT)", b"2;\nxx\r\n" + size + b"\r\n" + inner + b"\r\n" + LAST_CHUNK),
        ("CR in an extension (EXT.TERM)", b"2;\rxx\r\n" + size + b"\r\n" + inner + b"\r\n" + LAST_CHUNK),
        ("LF for the last size", chunk(inner) + b"0\n\r\n"),
        ("LF at the end", chunk(inner) + b"0\r\n\n"),
        ("LF LF at the end", chunk(inner) + b"0\n\n"),
        ("CR at the end", chunk(inner) + b"0\r\n\rX"),
        ("CR CR at the end", chunk(inner) + b"0\r\n\r\r\n"),
        ("CR for the last size", chunk(inner) + b"0\r\r\n"),
    ))
    yield "no end", chunk(inner), BAD
    yield "half an end", chunk(inner) + b"0\r\n", BAD
    yield "data shorter than its size", b"fff\r\n" + inner, CUT


def trailers():
    good = (b"Content-Length: 5", b"Content-Length: %d" % len(INNER), b"Content-Length: -1", CHUNKED,
            b"Transfer-Encoding: identity", b"Host: evil.example", b"Connection: close", b"Connection: Content-Length",
            b"Expect: 100-continue", b"Upgrade: websocket", b"X: y", b"X:", b"X:y", b"X: \xff", b"X: " + MARKER,
            b"X: a\r\nY: b", b"X-Forwarded-For: 6.6.6.6", b"Trailer: X", b"TE: trailers", b"Authorization: Basic x",
            b"X: GET " + MARKER + b" HTTP/1.1", b"GET:" + MARKER + b" HTTP/1.1", b"X: " + b"a" * 3_000,
            b"Content-Length: 0\r\nTransfer-Encoding: chunked", b"0: 0", b"X: y\r\n0:")
    for field in good:
        yield f"trailer {field[:60]!r}", chunk(b"abc") + b"0\r\n" + field + b"\r\n\r\n", GOOD
    bad = (b"nonsense", b"X : y", b" X: y", b"\tX: y", b"X: a\r\n b", b": y", b"X y", b"X: a\nY: b", b"X: a\rY: b",
           b"X\0: y", b"X: \0", b"X: \x0b", b"X\x82: y", b"GET " + MARKER + b" HTTP/1.1", MARKER_REQUEST[:-4], b"0",
           b"0\r\n", b"X: " + b"a" * 5_000, b"X: y\r\n" * 1_000 + b"X: y", b"Content-Length : 5",
           b"Transfer-Encoding\x0b: chunked", b"X: y\n", b"X: y\r", b"(X): y", b"X;a: y", b"\n", b"\r", b"\n\r")
    for field in bad:
        yield f"trailer {field[:60]!r}", chunk(b"abc") + b"0\r\n" + field + b"\r\n\r\n", BAD


def entries():
    outcomes = {GOOD: ((OWN, MARKER), "open"), BAD: ((), "refused"), CUT: ((), "cut")}
    for family, bodies in (("chunk size", sizes()), ("chunk extension", extensions()), ("chunk line end", line_ends()),
                           ("trailer", trailers())):
        for what, body, kind in bodies:
            for method in methods():
                yield Entry(family, f"{what} / {method.decode()}", request([CHUNKED], body + MARKER_REQUEST, method),
                            *outcomes[kind])
            if family == "trailer":  # announced, as the trailer of a client that merges it with the head would be
                lines = [b"Trailer: Content-Length, Host", b"TE: trailers", b"Connection: TE", CHUNKED]
                yield Entry(family, f"{what} / announced", request(lines, body + MARKER_REQUEST), *outcomes[kind])
