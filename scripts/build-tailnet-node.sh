#!/bin/sh
# Usage: build-tailnet-node.sh SOURCE_DIR STORE_DIR OUTPUT
# Builds the Go library of SOURCE_DIR once for each state of its sources, keeps it in STORE_DIR, and copies it to OUTPUT. Several
# build trees may share a store and build at once: the second waits for the first and takes what that has built.
set -eu
source_dir=$1 store=$2 output=$3
go=${GO:-go}
tags=netgo,osusergo # no libresolv, no getaddrinfo on a thread of ours
mkdir -p "$store" "$(dirname "$output")"

cd "$source_dir"
# What it is made of: sources without the tests, the pinned modules, the toolchain.
key=$({ "$go" version; "$go" env GOOS GOARCH CC; echo "$tags"
        ls ./*.go ./*.c ./*.h go.mod go.sum | grep -v _test.go | xargs sha256sum; } | sha256sum | cut -c1-16)
library=$store/$key/libevenkeel_node.so

exec 9> "$store/lock"
flock 9
if [ ! -f "$library" ]; then
  echo "building the tailnet node (Go; a few minutes the first time)"
  mkdir -p "$store/$key"
  CGO_ENABLED=1 "$go" build -mod=readonly -buildmode=c-shared -trimpath -ldflags='-s -w -extldflags=-Wl,-soname,libevenkeel_node.so' -tags "$tags" \
    -o "$store/$key/new.so" .
  mv "$store/$key/new.so" "$library"
  # The three newest stay: more than one branch may be at work.
  ls -1dt "$store"/*/ | tail -n +4 | xargs -r rm -rf
fi
touch "$store/$key"
cp "$library" "$output"
