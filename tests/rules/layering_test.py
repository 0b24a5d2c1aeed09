#!/usr/bin/env python3
"""The layering rule sees what it is there to see: each wrong line, in a made-up tree, is one problem."""

import pathlib
import tempfile
import unittest

import layering


class Layering(unittest.TestCase):
    def problems(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return list(layering.problems(root))

    def assert_fine(self, files):
        self.assertEqual(self.problems(files), [])

    def assert_wrong(self, path, line, *others):
        files = {path: line + "\n", **{name: "" for name in others}}
        self.assertEqual(len(self.problems(files)), 1, f"{path}: {line}")

    def test_what_is_allowed(self):
        self.assert_fine({
            "include/evenkeel/a.hpp": '#include <vector>\n#include "evenkeel/b.hpp"\n',
            "lib/base/a.hpp": '#include <cstdint>\n#include "base/b.hpp"\n#include "evenkeel/error.hpp"\n',
            "lib/pool/a.cpp": '#include "pool/a.hpp"\n#include "strategy/x.hpp"\n#include "health/x.hpp"\n',
            "lib/http/a.cpp": '#include <llhttp.h>\n#include <fmt/format.h>\n#include "base/b.hpp"\n',
            "lib/proxy/a.cpp": '#include <uv.h>\n#include "net/n.hpp"\n#include "http/h.hpp"\n',
            "lib/config/a.cpp": "#include <nlohmann/json.hpp>\n",
            "lib/net/a.cpp": '#include <uv.h>\n#include <sys/socket.h>\n#include "b.hpp"\n',
            "lib/net/b.hpp": "",
            "cli/main.cpp": '#include <CLI/CLI.hpp>\n#include "run.hpp"\n#include "evenkeel/config.hpp"\n',
            "cli/run.hpp": "",
            "lib/health/c.cpp": "// #include <uv.h> and steady_clock::now() are not for us\n",
        })

    def test_public_headers_see_the_standard_library_only(self):
        for line in ("#include <uv.h>", "#include <fmt/format.h>", "#include <sys/socket.h>", '#include "base/b.hpp"'):
            self.assert_wrong("include/evenkeel/a.hpp", line)

    def test_a_room_does_not_look_up(self):
        self.assert_wrong("lib/base/a.cpp", '#include "pool/p.hpp"')
        self.assert_wrong("lib/strategy/a.cpp", '#include "health/h.hpp"')
        self.assert_wrong("lib/health/a.cpp", '#include "strategy/s.hpp"')
        self.assert_wrong("lib/pool/a.cpp", '#include "config/c.hpp"')
        self.assert_wrong("lib/net/a.cpp", '#include "http/h.hpp"')
        self.assert_wrong("lib/http/a.cpp", '#include "net/n.hpp"')
        self.assert_wrong("lib/http/a.cpp", '#  include "proxy/p.hpp"')

    def test_a_relative_path_does_not_hide_it(self):
        self.assert_wrong("lib/http/a.cpp", '#include "../net/n.hpp"', "lib/net/n.hpp")

    def test_a_library_stays_in_its_room(self):
        self.assert_wrong("lib/http/a.cpp", "#include <uv.h>")
        self.assert_wrong("lib/pool/a.cpp", "#include <uv.h>")
        self.assert_wrong("lib/proxy/a.cpp", "#include <llhttp.h>")
        self.assert_wrong("lib/proxy/a.cpp", "#include <nlohmann/json.hpp>")
        self.assert_wrong("lib/health/a.cpp", "#include <sys/socket.h>")

    def test_time_and_randomness_are_arguments(self):
        self.assert_wrong("lib/pool/a.cpp", "auto now = std::chrono::steady_clock::now();")
        self.assert_wrong("lib/strategy/a.cpp", "std::random_device seed;")

    def test_embedders_see_public_headers_only(self):
        self.assert_wrong("cli/main.cpp", '#include "proxy/http_core.hpp"')
        self.assert_wrong("examples/a.cpp", '#include "../lib/net/n.hpp"', "lib/net/n.hpp")

    def test_an_unknown_room_is_told(self):
        self.assert_wrong("lib/misc/a.cpp", "#include <vector>")


if __name__ == "__main__":
    unittest.main()
