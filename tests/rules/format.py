#!/usr/bin/env python3
"""Every source looks as .clang-format says. Skipped where there is no clang-format-19.

usage: format.py ROOT
"""

import shutil
import subprocess
import sys

import sources

TOOL = "clang-format-19"
SKIPPED = 77


def main():
    if shutil.which(TOOL) is None:
        print(f"{TOOL} is not installed: skipped (scripts/install-deps.sh test installs it)")
        return SKIPPED
    files = list(sources.under(sys.argv[1], (".hpp", ".cpp"), ("include", "lib", "cli", "examples", "tests", "bench")))
    done = subprocess.run([TOOL, "--dry-run", "-Werror", *files], capture_output=True, text=True, cwd=sys.argv[1])
    if done.returncode != 0:
        print(done.stderr[:20_000])
        print(f"put right by: {TOOL} -i FILE...")
    return 1 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
