#!/bin/sh
# Usage: build.sh OUTDIR
# Builds what the tailnet tests run: testtailnet, tailscaled and tailscale of the pinned version, and node_smoke with the
# embedded node. Does nothing for an output that is newer than its sources.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
exec 9> "$out/.lock"
flock 9

# newer OUTPUT SOURCE...: is OUTPUT there and no SOURCE newer?
newer() {
  [ -f "$1" ] || return 1
  target=$1
  shift
  [ -z "$(find "$@" -newer "$target" -print -quit)" ]
}

cd "$here"
# A Go of the right age may stand beside an older one of the distribution.
PATH=/usr/local/go/bin:$PATH
# As scripts/build-tailnet-node.sh builds, so that Go compiles what they share once: it is most of it.
export CGO_ENABLED=1
gobuild() { go build -mod=readonly -buildmode=pie -trimpath -ldflags='-s -w' -tags netgo,osusergo "$@"; }
newer "$out/testtailnet" ./*.go go.mod go.sum || gobuild -o "$out/testtailnet" ./*.go # named: beside C++ that is not its own
for program in tailscaled tailscale; do
  newer "$out/$program" go.mod go.sum || gobuild -o "$out/$program" "tailscale.com/cmd/$program"
done

node=$root/lib/tailnet/node
library=$out/libevenkeel_node.so
newer "$library" "$node"/*.go "$node"/*.c "$node"/*.h "$node"/go.* ||
  "$root/scripts/build-tailnet-node.sh" "$node" "${EVENKEEL_NODE_CACHE:-$root/build/tailnet-node}" "$library"
newer "$out/node_smoke" node_smoke.c "$library" "$node/evenkeel_node.h" ||
  ${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Werror -g ${CFLAGS:-} -I "$node" \
    -o "$out/node_smoke" node_smoke.c "$library" -lpthread '-Wl,-rpath,$ORIGIN'
