"""Content-Length: its value, its name, twice, on every method (CL.0, 0.CL), and with less or more behind it."""

from corpus_names import NEUTRAL, REFUSED, disguises
from entries import MARKER, MARKER_REQUEST, OPEN_MARKER, OWN, Entry, length_of, methods, request

NAME = b"Content-Length"
LENGTH, ENDLESS = "length", "endless"


def values(n):
    """(what it is, field lines, kind) for a body of n bytes; endless: right, but more than ever comes."""
    d = b"%d" % n
    yield from ((what, lines, LENGTH) for what, lines in (
        ("plain", NAME + b": " + d),
        ("no space", NAME + b":" + d),
        ("tab", NAME + b":\t" + d),
        ("spaces and tabs before", NAME + b": \t \t " + d + b"  "),
        ("lower case", NAME.lower() + b": " + d),
        ("upper case", NAME.upper() + b": " + d),
        ("mixed case", b"cOnTeNt-LeNgTh: " + d),
        ("leading zeros", NAME + b": 000" + d),
        ("forty leading zeros", NAME + b": " + b"0" * 40 + d),
        ("looks octal", NAME + b": 0" + d),
    ))
    yield "2^32 more", NAME + b": %d" % (2**32 + n), ENDLESS
    yield from ((what, NAME + b": " + value, REFUSED) for what, value in (
        ("plus", b"+" + d), ("minus", b"-" + d), ("plus space", b"+ " + d), ("plus behind", d + b"+"),
        ("0x", b"0x%x" % n), ("0X", b"0X%X" % n), ("hex digits", b"%xh" % n), ("0o", b"0o%o" % n),
        ("0b", bytes(bin(n), "ascii")), ("twice in a list", d + b", " + d), ("twice, no space", d + b"," + d),
        ("list with 0", d + b", 0"), ("list led by 0", b"0, " + d), ("comma behind", d + b","),
        ("comma before", b"," + d), ("two words", d + b" " + d), ("two words, tab", d + b"\t0"),
        ("tab behind", d + b"\t"), ("space, tab behind", d + b" \t "), ("semicolon", d + b";"),
        ("parameter", d + b";q=1"), ("decimal", d + b".0"), ("exponent", d + b"e0"), ("underscore", b"1_0" + d),
        ("thousands", b"0'" + d), ("suffix", d + b"L"), ("unit", d + b" bytes"), ("quoted", b'"' + d + b'"'),
        ("quoted once", b'"' + d), ("apostrophes", b"'" + d + b"'"), ("brackets", b"(" + d + b")"),
        ("comment", d + b" (x)"), ("percent-encoded", b"%3" + d), ("backslash", b"\\" + d), ("equals", b"=" + d),
        ("colon", b": " + d), ("empty", b""), ("blank", b" \t "), ("word", b"none"), ("NaN", b"NaN"),
        ("two signs", b"++" + d), ("vertical tab before", b"\x0b" + d), ("vertical tab behind", d + b"\x0b"),
        ("form feed before", b"\x0c" + d), ("form feed behind", d + b"\x0c"), ("0xa0 before", b"\xa0" + d),
        ("0xa0 behind", d + b"\xa0"), ("0x85 before", b"\x85" + d), ("0x1c before", b"\x1c" + d),
        ("0xff behind", d + b"\xff"), ("NUL before", b"\0" + d), ("NUL behind", d + b"\0"), ("DEL behind", d + b"\x7f"),
        ("CR before", b"\r" + d), ("CR behind", d + b"\r"), ("LF before", b"\n" + d), ("LF behind", d + b"\n"),
        ("LF CR behind", d + b"\n\r"), ("fold before", b"\r\n " + d), ("fold with a tab before", b"\r\n\t" + d),
        ("fold behind", d + b"\r\n "), ("fold within", d + b"\r\n 0"), ("fold after zero", b"0\r\n " + d),
        ("Arabic digits", "".join(chr(0x660 + int(c)) for c in str(n)).encode()),
        ("full-width digits", "".join(chr(0xff10 + int(c)) for c in str(n)).encode()), ("superscript", d + b"\xb2"),
        ("2^63 more", b"%d" % (2**63 + n)), ("2^64 more", b"%d" % (2**64 + n)), ("2^128 more", b"%d" % (2**128 + n)),
        ("forty nines", b"9" * 40), ("minus 2^64", b"-%d" % (2**64 - n)),
    ))


def forms(n):
    yield from values(n)
    yield from disguises(NAME, b"%d" % n)


# What a strict reader takes, for each kind, when the length is that of the body behind it ...
EXACT = {LENGTH: ((OWN,), "open"), ENDLESS: ((), "cut"), REFUSED: ((), "refused"), NEUTRAL: ((OWN, MARKER), "open")}
# ... when it is zero, so that the body is the next request ...
ZERO = {**EXACT, LENGTH: ((OWN, MARKER), "open")}
# ... when it is more than what comes (0.CL) ...
MORE = {**EXACT, LENGTH: ((), "cut")}
# ... and when the body is half a request, which waits for somebody else's.
HALF = {**EXACT, NEUTRAL: ((OWN,), "cut")}
LAYOUTS = (
    ("body", len(MARKER_REQUEST), MARKER_REQUEST, EXACT),
    ("zero", 0, MARKER_REQUEST, ZERO),
    ("more than comes", len(MARKER_REQUEST) + 7, MARKER_REQUEST, MORE),
    ("half a request", len(OPEN_MARKER), OPEN_MARKER, HALF),
)


def content_length():
    for layout, n, body, outcome in LAYOUTS:
        for what, lines, kind in forms(n):
            for method in methods():
                family = "CL" if method == b"POST" else "CL.0"
                name = f"{what} / {layout} / {method.decode()}"
                yield Entry(family, name, request([lines], body, method), *outcome[kind])


def two_lengths():
    """CL.CL: a right one beside each; the one says that the marker is the body, the other that it is not."""
    whole = len(MARKER_REQUEST)
    for right, other in ((whole, 0), (0, whole)):
        good = b"Content-Length: %d" % right
        for what, lines, kind in forms(other):
            order = [good, lines] if right else [lines, good]
            taken, end = EXACT[kind]
            if kind in (LENGTH, ENDLESS):
                taken, end = (), "refused"
            elif kind == NEUTRAL:
                taken = (OWN,) if right else (OWN, MARKER)
            yield Entry("CL.CL", f"{what} / {right} and {other}", request(order, MARKER_REQUEST), taken, end)
    for count in (3, 20):
        lines = [length_of(MARKER_REQUEST)] * count
        yield Entry("CL.CL", f"{count} times", request(lines, MARKER_REQUEST), (), "refused")


def entries():
    yield from content_length()
    yield from two_lengths()
