#!/usr/bin/env bash
# clang-tidy over every source of the project, or over those that differ from a commit:
#   scripts/tidy.sh            all
#   scripts/tidy.sh origin/main  only what changed since
# Needs a configured debug build (cmake --preset debug).
set -euo pipefail
cd "$(dirname "$0")/.."

tidy=clang-tidy-19
command -v "$tidy" >/dev/null || { echo "$tidy is missing: scripts/install-deps.sh test" >&2; exit 1; }
database=build/debug/compile_commands.json
[[ -f $database ]] || cmake --preset debug >/dev/null

# Sources that the debug build compiles, without those that are not ours.
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
    if name.startswith(rooms) and (changed is None or name in changed):
        print(name)
PYTHON
)
[[ ${#sources[@]} -gt 0 ]] || { echo "clang-tidy: nothing changed"; exit 0; }

printf '%s\n' "${sources[@]}" |
  xargs -P "$(nproc)" -n 2 "$tidy" -p build/debug --quiet --warnings-as-errors='*' --extra-arg=-Wno-deprecated-declarations 2> >(grep -v 'warnings generated' >&2)
echo "clang-tidy: ${#sources[@]} sources are clean"
