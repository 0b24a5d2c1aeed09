#!/usr/bin/env python3
"""A file fits in the head: 300 lines is the habit, 500 the end of it.

usage: file_size.py ROOT
"""

import sys

import sources

LIMIT = 500


def main():
    failed = False
    for path in sources.under(sys.argv[1], (".hpp", ".cpp", ".py", ".sh", ".cmake")):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LIMIT:
            print(f"{path} has {lines} lines, over {LIMIT}: two concepts in one file?")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
