#!/usr/bin/env bash
# evenkeel beside nginx, HAProxy, Caddy and a bare forwarder: CPU a request in the same run. See docs/benchmarks.md.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 bench/compare.py "$@"
