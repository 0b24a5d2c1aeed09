#!/bin/sh
# Usage: fixture.sh OUTDIR
# build.sh, unless the tests would be skipped: 77 then.
set -u
PATH=/usr/local/go/bin:$PATH
export PATH
skip() {
  echo "SKIPPED: $1"
  [ -z "${EVENKEEL_TAILNET_REQUIRED:-}" ] || exit 1
  exit 77
}
command -v go >/dev/null || skip "there is no Go"
wanted=1.26.6 # as go.mod says; an older one may not even say so
version=$(cd / && GOTOOLCHAIN=local go env GOVERSION | sed -n 's/^go\([0-9.]*\).*/\1/p')
oldest=$(printf '%s\n%s\n' "$wanted" "${version:-0}" | sort -V | head -n 1)
[ "$oldest" = "$wanted" ] || skip "go ${version:-of no known version} is older than $wanted"
if [ "$(id -u)" = 0 ]; then user=; else user=-r; fi
unshare $user -n true 2>/dev/null || skip "this machine does not allow a network namespace (unshare -n)"
exec "$(dirname "$0")/build.sh" "$1"
