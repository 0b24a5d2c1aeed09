"""The project's own text files."""

import pathlib

FOLDERS = ("include", "lib", "cli", "examples", "tests", "bench", "scripts", "cmake")


def under(root, suffixes, folders=FOLDERS):
    for folder in folders:
        for path in sorted(pathlib.Path(root, folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path
