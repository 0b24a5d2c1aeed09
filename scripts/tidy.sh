#!/usr/bin/env bash
# clang-tidy over every source of the project, or over those that differ from a commit:
#   scripts/tidy.sh            all
#   scripts/tidy.sh origin/main  only what changed since
#
# All of them are read in the batches of a unity build, since most of the time goes into what they include: that takes
# a fifth of the time of reading each by itself.
set -euo pipefail
cd "$(dirname "$0")/.."

tidy=clang-tidy-19
command -v "$tidy" >/dev/null || { echo "$tidy is missing: scripts/install-deps.sh test" >&2; exit 1; }
preset=tidy
[[ -z ${1:-} ]] || preset=debug
cmake --preset "$preset" >/dev/null
database=build/$preset/compile_commands.json

# What the build compiles, without what is not ours.
mapfile -t sources < <(python3 - "$database" "$PWD" "${1:-}" <<'PYTHON'
import json, os, subprocess, sys
database, root, since = sys.argv[1:]
changed = None
if since:
    names = subprocess.run(["git", "diff", "--name-only", since], capture_output=True, text=True, check=True)
    changed = {os.path.join(root, name) for name in names.stdout.split()}
    if any(name.endswith((".hpp", ".clang-tidy")) for name in changed):
        changed = None  # whoever includes it
rooms = tuple(os.path.join(root, room) + os.sep for room in ("lib", "cli", "examples", "bench"))
for name in sorted({entry["file"] for entry in json.load(open(database))}):
    ours = name.startswith(rooms) or "/Unity/" in name
    if ours and (changed is None or name in changed):
        print(name)
PYTHON
)
[[ ${#sources[@]} -gt 0 ]] || { echo "clang-tidy: nothing changed"; exit 0; }

# A batch includes sources as if they were headers.
printf '%s\n' "${sources[@]}" |
  xargs -P "$(nproc)" -n 1 "$tidy" -p "build/$preset" --quiet --warnings-as-errors='*' \
    --checks=-bugprone-suspicious-include --header-filter='(include/evenkeel|/lib|/cli|/examples|/bench)/.*\.[ch]pp$' \
    --extra-arg=-Wno-deprecated-declarations --extra-arg=-Wno-unknown-warning-option \
    2> >(grep -v 'warnings generated' >&2)
echo "clang-tidy: ${#sources[@]} batches or sources are clean"
