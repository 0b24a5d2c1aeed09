"""Host: what it may be, what not, and how many there are."""

from entries import CHUNKS, HOST, LENGTH, NO_BODY, OWN, framed, refused, request

PLAIN = (NO_BODY, LENGTH, CHUNKS)

# The tabs around a value are passed on as they came, and nginx takes them for a part of the name.
NO_TABS = ("nginx",)


def entries():
    for host in (b"a", b"a:80", b"A.B", b"1.2.3.4", b"1.2.3.4:8080", b"[::1]", b"[::1]:80", b"a-b.c_d", b"xn--a",
                 b"a."):
        yield from framed("Host", repr(host), (), framings=PLAIN, host=b"Host: " + host)
        yield from framed("Host", f"{host!r} between tabs", (), framings=PLAIN, host=b"hOST:\t" + host + b" \t",
                          unfit=NO_TABS)
    for host in (b"", b" ", b"a b", b"a,b c", b"a/b", b"a\\b", b"a@b", b"u:p@a", b"a#b", b"a?b", b"http://a", b"a:b",
                 b"a:8x", b"a:80:80", b":80", b"[::1", b"::1", b"[::1]x", b"[g]", b"a\0", b"a\x0b", b"a\x80",
                 b"a\xc3\xa9", b'"a"', b"<a>", b"a|b", b"a^b", b"{a}", b"a`", b"a\rb", b"a\nX: y", b"\r\n a",
                 b"a\r\n b", b"a:123456", b"a:-1", b"[a]:80:80", b"a\tb"):
        yield from refused("Host", repr(host), request(host=b"Host: " + host))
    other = b"Host: other.example"
    for what, lines in (("two", [HOST, other]), ("twice", [HOST, HOST]), ("three", [HOST, other, HOST]),
                        ("apart", [HOST, b"X: y", other]), ("and an empty one", [HOST, b"Host:"]), ("none", [b"X: y"]),
                        ("none but underscore", [b"Host_: a"]), ("space before the colon", [b"Host : a"]),
                        ("tab before the colon", [b"Host\t: a"]), ("space before", [b" Host: a"]),
                        ("second with a space before", [HOST, b" Host: a"]),
                        ("second with a space before the colon", [HOST, b"Host : a"]),
                        ("second behind CR", [HOST + b"\rHost: a"]), ("second behind LF", [HOST + b"\nHost: a"]),
                        ("second folded", [HOST, b"X: y\r\n Host: a"]), ("NUL in the name", [HOST, b"Ho\0st: a"])):
        yield from refused("Host", what, request(lines, host=b""))
        yield from refused("Host", f"{what}, absolute target",
                           request(lines, host=b"", target=b"http://differential.example" + OWN))
