#!/usr/bin/env bash
# Installs what is missing, builds, and runs everything: the rules, the tests on a real tailnet and those of the
# package (debug build), clang-tidy, what crosses threads under ThreadSanitizer, a short run of each fuzzer, and last
# the whole suite under AddressSanitizer and UBSanitizer. The debug build is g++'s, the others are clang's.
# Ends with ctest's summary; a failure ends it early, after the summary that tells.
set -euo pipefail
cd "$(dirname "$0")/.."

jobs=$(nproc)
export CCACHE_SLOPPINESS="${CCACHE_SLOPPINESS:-pch_defines,time_macros}"
# So that the consumers' build of the library is found again, though it is in another directory; that needs the
# absolute paths of both, so no CCACHE_BASEDIR.
export CCACHE_NOHASHDIR=1
unset CCACHE_BASEDIR
# What crosses threads: the pool and its snapshots, the resolver, the command with its workers.
threaded='^(pool:|cli:|net:|proxy:|example_|e2e_(balance|cli|faults|case_target_connections|case_overload|tcp_limits)$)'

step() { printf '\n=== %s (%s s)\n' "$1" "$SECONDS"; }

build() { # preset [target...]
  local preset=$1
  shift
  local options=(-DCMAKE_COMPILE_WARNING_AS_ERROR=ON)
  if command -v ccache >/dev/null; then
    options+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  local targets=()
  [[ $# -eq 0 ]] || targets=(--target "$@")
  step "$preset: build"
  cmake --preset "$preset" "${options[@]}" >/dev/null
  cmake --build --preset "$preset" --parallel "$jobs" "${targets[@]}"
}

run() { # preset [ctest option...]
  local preset=$1
  shift
  step "$preset: test"
  ctest --preset "$preset" --parallel "$jobs" "$@"
}

step "what is missing"
scripts/install-deps.sh test

export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=0:second_deadlock_stack=1}"
# Otherwise reports are columns of addresses.
symbolizer=$(command -v llvm-symbolizer-19)
export ASAN_SYMBOLIZER_PATH=$symbolizer UBSAN_SYMBOLIZER_PATH=$symbolizer TSAN_SYMBOLIZER_PATH=$symbolizer

examples=(example_pick_only example_custom_strategy example_pick_with_health example_embedded_proxy)
build debug evenkeel_cli "${examples[@]}"
run debug -L 'rules|consumer|tailnet|example'
step "clang-tidy"
scripts/tidy.sh
build tsan test_pool test_cli test_net test_proxy evenkeel_cli "${examples[@]}"
run tsan -R "$threaded"
build asan
step "fuzz"
scripts/fuzz.sh 6
run asan
