#!/usr/bin/env python3
"""The host owns stdout, the process, its signals, threads and loop: the library's own code does not
even refer to what would touch them.

usage: symbols.py LIBRARY.a

Looked at are the relocations of each object, by the function that holds them. Inline functions of
fmt, nlohmann/json and the standard library, which the compiler puts into our objects, are not ours;
nor are llhttp's C files.
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
NOT_OURS = re.compile(r"^(void |bool |auto |int |char |decltype.*?|[\w:<>, *&]+ )?(fmt|nlohmann|std|__gnu_cxx)::")
C_FILES = ("api.c.o", "http.c.o", "llhttp.c.o")


def references(library):
    """(object, function's section, symbol) of every relocation in code."""
    dump = subprocess.run(["objdump", "-rw", library], capture_output=True, text=True, check=True).stdout
    member = section = ""
    for line in dump.splitlines():
        if found := re.match(r"^(\S+):\s+file format", line):
            member = found[1]
        elif found := re.match(r"^RELOCATION RECORDS FOR \[(.+)\]:", line):
            section = found[1]
        elif section.startswith((".text", ".init_array", ".data")) and (found := re.match(r"^[0-9a-f]+ +\S+ +(\S+)", line)):
            yield member, section, re.sub(r"(@\w+)?([-+]0x[0-9a-f]+)?$", "", found[1])


def demangle(names):
    names = sorted(names)
    text = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    return dict(zip(names, text.split("\n")))


def function_of(section):
    return re.sub(r"^\.text\.(unlikely\.|startup\.|hot\.|exit\.)?", "", section)


def problems(library):
    found = {(m, function_of(s), r) for m, s, r in references(library) if FORBIDDEN.match(r) and m not in C_FILES}
    plain = demangle({function for _, function, _ in found} | {symbol for _, _, symbol in found})
    for member, function, symbol in sorted(found):
        if function.startswith("_Z") and NOT_OURS.match(plain[function]):
            continue
        where = plain[function] if function.startswith("_Z") else "a function"
        yield f"{member}: {where} refers to {plain[symbol]}"


def main():
    found = list(problems(sys.argv[1]))
    print("\n".join(found) or "no forbidden symbol is referred to")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
