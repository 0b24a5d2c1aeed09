#!/usr/bin/env bash
# evenkeel beside nginx and HAProxy: CPU a request in the same run. See docs/benchmarks.md.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 bench/compare.py "$@"
