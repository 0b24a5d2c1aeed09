#!/usr/bin/env python3
"""Every complete program in the documentation compiles.

usage: snippets.py ROOT CXX
"""

import pathlib
import re
import subprocess
import sys

BLOCK = re.compile(r"^```cpp[^\n]*\n(.*?)^```", re.M | re.S)


def programs(path):
    """(line, code) of each ```cpp block that has a main()."""
    text = path.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        if re.search(r"\bint main\(", block[1]):
            yield text.count("\n", 0, block.start(1)) + 1, block[1]


def compile_error(code, root, cxx, name):
    command = [cxx, "-std=c++23", "-Wall", "-Wextra", "-Werror", f"-I{root}/include", "-fsyntax-only", "-x", "c++", "-"]
    done = subprocess.run(command, input=f'#line {name}\n{code}', capture_output=True, text=True)
    return None if done.returncode == 0 else done.stderr


def main():
    root, cxx = pathlib.Path(sys.argv[1]), sys.argv[2]
    count = failed = 0
    for path in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        if not path.is_file():
            continue
        for line, code in programs(path):
            count += 1
            error = compile_error(code, root, cxx, f'{line} "{path.relative_to(root)}"')
            if error:
                failed += 1
                print(error)
    print(f"{count} programs in the documentation, {failed} do not compile")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
