#!/usr/bin/env python3
"""A folder may include only what stands before it (docs/architecture.md).

usage: layering.py ROOT
"""

import pathlib
import re
import sys

import sources

# What each room of lib/ may include, besides itself and the public headers.
CORE = ("base", "strategy", "health", "pool")
MAY_INCLUDE = {
    "base": (),
    "strategy": ("base",),
    "health": ("base",),
    "pool": ("base", "strategy", "health"),
    "config": CORE,
    "net": (*CORE, "config"),
    "http": (*CORE, "config"),  # bytes in, bytes out: never net
    "local": (*CORE, "config", "net", "http"),
    "proxy": (*CORE, "config", "net", "http"),
    "tailnet": (*CORE, "config", "net", "http", "local", "proxy"),
    "discovery": (*CORE, "config", "net", "http", "local", "proxy"),
    "admin": (*CORE, "config", "net", "http", "local", "proxy"),
    "sim": CORE,
    "live": (*CORE, "config", "net", "http", "proxy", "sim"),
}

# Headers of others, and the rooms that may know them.
LIBRARIES = {
    "libuv": (re.compile(r"^uv(\.h|/)"), ("net", "local", "proxy", "tailnet", "discovery", "admin", "live")),
    "llhttp": (re.compile(r"^llhttp"), ("http",)),
    "nlohmann/json": (re.compile(r"^nlohmann/"), ("config", "local", "discovery")),
    "OpenSSL": (re.compile(r"^openssl/"), ("net",)),
    "prometheus-cpp": (re.compile(r"^prometheus/"), ("admin",)),
    "Boost": (re.compile(r"^boost/"), ("sim",)),
    "c-ares": (re.compile(r"^ares"), ("discovery",)),
    "fmt": (re.compile(r"^fmt/"), tuple(MAY_INCLUDE)),
    "CLI11": (re.compile(r"^CLI/"), ()),
    # connect(), send(), poll() and their kin. Not <arpa/inet.h>, which also reads addresses from
    # text, nor <sys/uio.h>, which is only a pair of pointer and length.
    "sockets": (re.compile(r"^(sys/(socket|un|epoll|sendfile|ioctl)|netinet/.*|netdb|poll|fcntl)\.h$"),
                ("net", "local", "proxy", "tailnet", "discovery", "admin")),
}

# In these, time and randomness are arguments.
PURE = ("base", "strategy", "health", "pool", "config", "http", "sim")
IMPURE = re.compile(r"_clock::now|\brandom_device\b|\bclock_gettime\b|\bgettimeofday\b|\bs?rand\(|\btime\(nullptr\)")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
CODE = (".hpp", ".cpp", ".h", ".c", ".cc")


def without_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)


def check_public(path, quoted, name, _root):
    if quoted:
        return None if name.startswith("evenkeel/") else f'includes "{name}": public headers see public headers only'
    return f"includes <{name}>: public headers see the standard library only" if "/" in name or "." in name else None


def check_room(path, quoted, name, root):
    room = path.relative_to(root / "lib").parts[0]
    if room not in MAY_INCLUDE:
        return f"lib/{room} is no room that this rule knows"
    if not quoted:
        for library, (pattern, rooms) in LIBRARIES.items():
            if pattern.search(name) and room not in rooms:
                return f"includes <{name}>: {room} must not know {library}"
        return None
    if name.startswith("evenkeel/"):
        return None
    if (path.parent / name).is_file():  # a neighbour, unless it climbs out of the room
        name = str((path.parent / name).resolve().relative_to((root / "lib").resolve()))
    other = name.split("/")[0]
    if other == room or other in MAY_INCLUDE[room]:
        return None
    return f'includes "{name}": {room} stands before {other}, or beside it'


def check_guest(path, quoted, name, root):
    """cli/ and examples/: embedders like any other."""
    if not quoted or name.startswith("evenkeel/"):
        return None
    neighbour = (path.parent / name).resolve()
    if neighbour.is_file() and (root / path.relative_to(root).parts[0]).resolve() in neighbour.parents:
        return None
    return f'includes "{name}": only public headers'


def problems(root):
    root = pathlib.Path(root)
    for folder, check in (("include", check_public), ("lib", check_room), ("cli", check_guest), ("examples", check_guest)):
        for path in sources.under(root, CODE, (folder,)):
            text = without_comments(path.read_text(encoding="utf-8"))
            for bracket, name in INCLUDE.findall(text):
                problem = check(path, bracket == '"', name, root)
                if problem:
                    yield f"{path.relative_to(root)}: {problem}"
            pure = folder == "lib" and path.relative_to(root / "lib").parts[0] in PURE
            for found in IMPURE.findall(text) if pure else ():
                yield f"{path.relative_to(root)}: uses {found}: time and randomness are arguments here"


def main():
    found = list(problems(sys.argv[1]))
    print("\n".join(found) or "every include goes the right way")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
