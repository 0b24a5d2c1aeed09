#!/usr/bin/env python3
"""The host owns stdout, the process, its signals, threads and loop: the library's own code does not
even refer to what would touch them.

usage: symbols.py LIBRARY.a

Looked at are the relocations of each object, by the function that holds them. Functions of fmt,
nlohmann/json and the standard library, which the compiler puts into our objects, are not ours; nor
are llhttp's C files.
"""

import re
import subprocess
import sys

FORBIDDEN = re.compile(
    r"^(_ZSt4c(out|err|log)|_ZSt4w(cout|cerr|clog)"
    r"|stdout|stderr|v?f?printf|puts|putchar|fputs|fputc|putc|fwrite|perror|__v?f?printf_chk"
    r"|abort|__assert_fail|exit|_exit|_Exit|quick_exit|atexit|raise|kill"
    r"|signal|sigaction|sigprocmask|pthread_sigmask|pthread_create|fork|vfork|system|popen"
    r"|_ZNSt6thread15_M_start_thread.*"
    r"|uv_run|uv_stop|uv_default_loop|uv_loop_(new|init|close|delete|fork)|uv_signal_.*|uv_spawn|uv_thread_create.*)$")
# Mangled names of functions, and of what is local to one, in fmt::, nlohmann::, std:: and __gnu_cxx::.
NOT_OURS = re.compile(r"^_ZZ*N?[VK]*[RO]?(3fmt|8nlohmann|St|Sa|Ss|9__gnu_cxx)")
# These are reached through std:: only: std::thread's inline constructor is std's, its caller is not.
NOBODYS = re.compile(r"^_ZNSt6thread15_M_start_thread")
C_FILES = ("api.c.o", "http.c.o", "llhttp.c.o")


def references(library):
    """(object, function, symbol) of every relocation in code."""
    dump = subprocess.run(["objdump", "-trw", library], capture_output=True, text=True, check=True).stdout
    member = section = ""
    functions = {}  # section -> [(first address, one past the last, name)]
    for line in dump.splitlines():
        if found := re.match(r"^(\S+):\s+file format", line):
            member, functions = found[1], {}
        elif found := re.match(r"^([0-9a-f]{16}) .{7} (\S+)\s+([0-9a-f]{16}) +(?:0x\w+ |\.hidden )*(\S+)$", line):
            first = int(found[1], 16)
            functions.setdefault(found[2], []).append((first, first + int(found[3], 16), found[4]))
        elif found := re.match(r"^RELOCATION RECORDS FOR \[(.+)\]:", line):
            section = found[1]
        elif found := re.match(r"^([0-9a-f]{16}) +\S+ +(\S+)$", line):
            if not section.startswith((".text", ".init_array", ".data")):
                continue
            at = int(found[1], 16)
            holders = [name for first, end, name in functions.get(section, ()) if first <= at < end]
            symbol = re.sub(r"(@\w+)?([-+]0x[0-9a-f]+)?$", "", found[2])
            yield member, holders[0] if holders else section, symbol


def demangle(names):
    names = sorted(names)
    text = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    return dict(zip(names, text.split("\n")))


def problems(library):
    found = {(m, f, symbol) for m, f, symbol in references(library) if FORBIDDEN.match(symbol) and m not in C_FILES}
    plain = demangle({function for _, function, _ in found} | {symbol for _, _, symbol in found})
    for member, function, symbol in sorted(found):
        if NOBODYS.match(symbol) or not NOT_OURS.match(function):
            yield f"{member}: {plain[function]} refers to {plain[symbol]}"


def main():
    found = list(problems(sys.argv[1]))
    print("\n".join(found) or "no forbidden symbol is referred to")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
