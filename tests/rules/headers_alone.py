#!/usr/bin/env python3
"""Every public header compiles alone, and needs nothing but the standard library.

usage: headers_alone.py ROOT CXX

The headers of libuv and its like lie in the compiler's own search path, so leaving out a -I proves
nothing: what the compiler really opened is looked at.
"""

import pathlib
import re
import subprocess
import sys

FOREIGN = re.compile(r"/(uv\.h|uv/|llhttp|nlohmann/|fmt/|CLI/|openssl/|catch2/|benchmark/)")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-Werror"]


def opened(cxx, include, header):
    name = header.relative_to(include)
    command = [cxx, "-std=c++23", *STRICT, f"-I{include}", "-fsyntax-only", "-H", "-x", "c++", "-"]
    # Twice: it must also stand being included again.
    done = subprocess.run(command, input=f'#include "{name}"\n#include "{name}"\n', capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr
    return re.findall(r"^\.+ (.+)$", done.stderr, re.M), ""


def main():
    include = pathlib.Path(sys.argv[1], "include")
    failed = False
    headers = sorted(include.rglob("*.hpp"))
    for header in headers:
        files, error = opened(sys.argv[2], include, header)
        if files is None:
            print(f"{header.name} does not compile alone:\n{error}")
            failed = True
            continue
        for foreign in filter(FOREIGN.search, files):
            print(f"{header.name} needs {foreign}")
            failed = True
    if not failed:
        print(f"{len(headers)} headers compile alone")
    return 1 if failed or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
