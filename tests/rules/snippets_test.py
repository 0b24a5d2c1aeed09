#!/usr/bin/env python3
"""The snippet rule finds programs, and what is wrong with them.

usage: snippets_test.py ROOT CXX
"""

import pathlib
import sys
import tempfile
import unittest

import snippets

ROOT, CXX = sys.argv[1:3]
del sys.argv[1:3]

PAGE = """# Page
```cpp
pool.add(target);  // a fragment
```
text
```cpp
#include "evenkeel/evenkeel.hpp"
int main() { return evenkeel::TargetPool::does_not_exist; }
```
```json
{}
```
"""


class Snippets(unittest.TestCase):
    def test_a_program_that_does_not_compile_is_told_with_its_line(self):
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder, "page.md")
            page.write_text(PAGE, encoding="utf-8")
            ((line, code),) = snippets.programs(page)
        self.assertEqual(line, 7)
        self.assertIn("page.md:8", snippets.compile_error(code, ROOT, CXX, f'{line} "page.md"'))

    def test_one_that_does_is_not(self):
        code = '#include "evenkeel/evenkeel.hpp"\nint main() { return evenkeel::strategy_names().empty() ? 1 : 0; }\n'
        self.assertIsNone(snippets.compile_error(code, ROOT, CXX, '1 "page.md"'))


if __name__ == "__main__":
    unittest.main()
