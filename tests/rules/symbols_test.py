#!/usr/bin/env python3
"""The symbol rule sees a forbidden call in our code, and lets that of an inlined library pass.

usage: symbols_test.py CXX
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import symbols

CXX = sys.argv.pop(1)

WRONG = {
    "cout": '#include <iostream>\nvoid f() { std::cout << "x"; }',
    "printf": '#include <cstdio>\nvoid f(int x) { std::printf("%d\\n", x); }',
    "puts": '#include <cstdio>\nvoid f() { std::printf("x\\n"); }',
    "abort": "#include <cstdlib>\nvoid f() { std::abort(); }",
    "__assert_fail": "#undef NDEBUG\n#include <cassert>\nvoid f(int x) { assert(x > 0); }",
    "exit": "#include <cstdlib>\ninline void g() { std::exit(1); }\nvoid f() { g(); }",
    "signal": "#include <csignal>\nvoid f() { std::signal(SIGPIPE, SIG_IGN); }",
    "uv_run": 'extern "C" int uv_run(void*, int);\nvoid f() { uv_run(nullptr, 0); }',
    "a template that returns a std type": "#include <cstdlib>\n#include <string>\n"
        "namespace evenkeel { template <class T> std::string g(T) { std::abort(); } }\nvoid f() { evenkeel::g(1); }",
    "thread": "#include <thread>\nvoid f() { std::thread([] {}).detach(); }",
}
FINE = """
#include <cstdio>
#include <cstdlib>
#include <string>
namespace fmt { inline void fail() { std::fprintf(stderr, "x"); std::abort(); } }
namespace evenkeel {
struct printf_like { int puts = 0; };
std::string exit_text(int x) { if (x < 0) fmt::fail(); return std::to_string(x); }
}
"""


class Symbols(unittest.TestCase):
    def problems(self, code):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder, "a.cpp")
            source.write_text(code + "\n", encoding="utf-8")
            made, library = source.with_suffix(".o"), source.with_suffix(".a")
            subprocess.run([CXX, "-std=c++23", "-c", source, "-o", made], check=True)
            subprocess.run(["ar", "rcs", library, made], check=True)
            return list(symbols.problems(library))

    def test_forbidden_calls_are_found(self):
        for name, code in WRONG.items():
            with self.subTest(name):
                self.assertTrue(self.problems(code), name)

    def test_other_code_is_left_alone(self):
        self.assertEqual(self.problems(FINE), [])


if __name__ == "__main__":
    unittest.main()
