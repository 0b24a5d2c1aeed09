"""Transfer-Encoding: its value and name, twice (TE.TE), and beside Content-Length (CL.TE and TE.CL)."""

from corpus_names import NEUTRAL, REFUSED, disguises
from entries import CHUNKED, LAST_CHUNK, MARKER, MARKER_REQUEST, OWN, Entry, chunk, length_of, methods, request

NAME = b"Transfer-Encoding"
CODED = "chunked"

VALUES = (
    ("xchunked", b"xchunked"), ("chunkedx", b"chunkedx"), ("chunk", b"chunk"), ("identity", b"identity"),
    ("identity, chunked", b"identity, chunked"), ("chunked, identity", b"chunked, identity"),
    ("list", b"chunked, chunked"), ("comma behind", b"chunked,"), ("comma and space behind", b"chunked, "),
    ("comma before", b",chunked"), ("comma and space before", b", chunked"), ("commas around", b",,chunked,,"),
    ("comma only", b","), ("semicolon", b"chunked;"), ("parameter", b"chunked;q=1"),
    ("quoted parameter", b'chunked; a="b"'), ("q=0", b"chunked;q=0"), ("quoted", b'"chunked"'),
    ("quoted once", b'"chunked'), ("apostrophes", b"'chunked'"), ("backticks", b"`chunked`"),
    ("brackets", b"(chunked)"), ("comment", b"chunked (x)"), ("comment before", b"(x) chunked"),
    ("cow, chunked", b"cow, chunked"), ("chunked, cow", b"chunked, cow"), ("gzip, chunked", b"gzip, chunked"),
    ("chunked, gzip", b"chunked, gzip"), ("gzip", b"gzip"), ("deflate", b"deflate"), ("trailers", b"trailers"),
    ("chunked trailers", b"chunked trailers"), ("x chunked", b"x chunked"), ("chunked x", b"chunked x"),
    ("chunked tab x", b"chunked\tx"), ("quoted comma", b'"a,chunked'), ("quoted list", b'"a,b", chunked'),
    ("zero", b"0"), ("empty", b""), ("blank", b" \t"), ("colon", b": chunked"), ("colon behind", b"chunked:"),
    ("equals", b"=chunked"), ("backslash", b"chunked\\"), ("escaped", b"\\chunked"), ("percent-encoded", b"%63hunked"),
    ("half a percent", b"chunk%65d"), ("vertical tab before", b"\x0bchunked"), ("vertical tab behind", b"chunked\x0b"),
    ("form feed before", b"\x0cchunked"), ("form feed behind", b"chunked\x0c"), ("NUL before", b"\0chunked"),
    ("NUL behind", b"chunked\0"), ("0x01 behind", b"chunked\x01"), ("DEL behind", b"chunked\x7f"),
    ("0xa0 before", b"\xa0chunked"), ("0xa0 behind", b"chunked\xa0"), ("0x85 before", b"\x85chunked"),
    ("0x85 behind", b"chunked\x85"), ("0x96 within", b"chunk\x96d"), ("0xff before", b"\xffchunked"),
    ("0xff behind", b"chunked\xff"), ("Kelvin sign", b"chun\xe2\x84\xaaed"),
    ("zero-width space", b"chu\xe2\x80\x8bnked"), ("byte order mark", b"\xef\xbb\xbfchunked"),
    ("CR before", b"\rchunked"), ("CR behind", b"chunked\r"), ("CR and a word behind", b"chunked\rx"),
    ("LF before", b"\nchunked"), ("LF behind", b"chunked\n"), ("LF and a field behind", b"chunked\nX: y"),
    ("fold before", b"\r\n chunked"), ("fold with a tab before", b"\r\n\tchunked"), ("fold behind", b"chunked\r\n "),
    ("fold and a word behind", b"chunked\r\n x"), ("fold within", b"chu\r\n nked"),
    ("fold after a word", b"identity\r\n , chunked"), ("LF fold before", b"\n chunked"),
)
TWICE = (b"chunked", b"identity", b"cow", b"", b"gzip", b"CHUNKED", b" chunked ", b"x\r\nX: y")


def forms():
    """(what it is, field lines, kind)"""
    yield from ((what, lines, CODED) for what, lines in (
        ("plain", CHUNKED),
        ("no space", NAME + b":chunked"),
        ("tab", NAME + b":\tchunked"),
        ("spaces and tabs around", NAME + b": \t chunked \t "),
        ("space behind", NAME + b": chunked "),
        ("tab behind", NAME + b": chunked\t"),
        ("capital", NAME + b": Chunked"),
        ("upper case", NAME.upper() + b": CHUNKED"),
        ("mixed case", b"tRANSFER-eNCODING: cHuNkEd"),
        ("lower case", NAME.lower() + b": chunked"),
    ))
    for what, value in VALUES:
        yield what, NAME + b": " + value, REFUSED
    for value in TWICE:
        yield f"chunked and then {value!r}", CHUNKED + b"\r\n" + NAME + b": " + value, REFUSED
        yield f"chunked after {value!r}", NAME + b": " + value + b"\r\n" + CHUNKED, REFUSED
        yield f"chunked and apart {value!r}", CHUNKED + b"\r\nX: y\r\n" + NAME.lower() + b": " + value, REFUSED
    yield from disguises(NAME, b"chunked")
    for other in (b"Content-Encoding: chunked", b"TE: chunked", b"Accept-Encoding: chunked", b"Connection: chunked"):
        yield other.decode(), other, NEUTRAL


def alone():
    """TE.TE, and TE.0 where a method is thought to have no body."""
    kinds = {
        "chunk": (chunk(MARKER_REQUEST) + LAST_CHUNK,
                  {CODED: ((OWN,), "open"), REFUSED: ((), "refused"), NEUTRAL: ((OWN,), "refused")}),
        "end": (LAST_CHUNK + MARKER_REQUEST,
                {CODED: ((OWN, MARKER), "open"), REFUSED: ((), "refused"), NEUTRAL: ((OWN,), "refused")}),
    }
    for layout, (body, outcome) in kinds.items():
        for what, lines, kind in forms():
            for method in methods():
                family = "TE.TE" if method == b"POST" else "TE.0"
                name = f"{what} / {layout} / {method.decode()}"
                yield Entry(family, name, request([lines], body, method), *outcome[kind])


def with_length():
    ended = LAST_CHUNK + MARKER_REQUEST
    size_line = b"%x\r\n" % len(MARKER_REQUEST)
    layouts = (
        # To the one that believes the length all of it is body; to the other the marker is a request.
        ("CL.TE", length_of(ended), ended, ((OWN,), "open")),
        # The length ends before the marker, the chunk after it; then a line of junk, "0".
        ("TE.CL", length_of(size_line), size_line + MARKER_REQUEST + b"\r\n" + LAST_CHUNK, ((OWN, MARKER), "refused")),
        # Both agree that the body is empty, or that nothing is left: no difference, and refused all the same.
        ("CL+TE", length_of(LAST_CHUNK), LAST_CHUNK + MARKER_REQUEST, ((OWN, MARKER), "open")),
    )
    for family, length, body, when_neutral in layouts:
        for what, lines, kind in forms():
            outcome = when_neutral if kind == NEUTRAL else ((), "refused")
            for order, fields in (("TE first", [lines, length]), ("CL first", [length, lines])):
                yield Entry(family, f"{what} / {order}", request(fields, body), *outcome)


def entries():
    yield from alone()
    yield from with_length()
