#!/usr/bin/env bash
# evenkeel beside nginx, HAProxy, Caddy and a bare forwarder: CPU time a request in the same run; with the first
# argument https, tcp or udp, beside nginx and HAProxy there. See docs/benchmarks.md.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 bench/compare.py "$@"
