#!/usr/bin/env bash
# Installs what is missing on a Debian 12 (or newer) machine, and touches nothing when nothing is.
#   scripts/install-deps.sh          to build and run (demo.sh)
#   scripts/install-deps.sh test     and to test (test.sh)
#   scripts/install-deps.sh bench    and to compare with other proxies (bench/compare.sh)
set -euo pipefail

build=(g++ cmake ninja-build pkg-config libuv1-dev libc-ares-dev libssl-dev node-llhttp nlohmann-json3-dev libfmt-dev libcli11-dev
  prometheus-cpp-dev libboost-dev
  catch2 libbenchmark-dev python3 curl ca-certificates)
test=(git ccache clang-19 libclang-rt-19-dev llvm-19 clang-format-19 clang-tidy-19 nginx-light openssl faketime
  postgresql postgresql-client redis-server openssh-server openssh-client dnsmasq-base bind9-dnsutils iperf3
  pebble iproute2 util-linux prometheus docker.io docker-compose chromium chromium-driver python3-selenium)
bench=(nginx-light libnginx-mod-stream haproxy caddy wrk openssl procps util-linux)

# Two of the backends of tests/differential; any Node and any Go will do.
command -v node >/dev/null || test+=(nodejs)
command -v go >/dev/null || test+=(golang-go)

wanted=("${build[@]}")
case "${1:-build}" in
  build) ;;
  test) wanted+=("${test[@]}") ;;
  bench) wanted+=("${bench[@]}") ;;
  *) echo "usage: $0 [build|test|bench]" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  exit 0
fi

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || {
    echo "These packages are missing, and there is no sudo to install them with: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi

# The tests start their own nginx, haproxy, postgres, redis and sshd; the packages would start system
# services on the usual ports. Debian's way to say no is this file. An existing one is the administrator's, and stays.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi

echo "Installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
