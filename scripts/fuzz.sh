#!/usr/bin/env bash
# Builds the libFuzzer targets under AddressSanitizer and UBSanitizer and runs each for a while.
#   scripts/fuzz.sh [SECONDS EACH] [TARGET...]
# Starts from tests/fuzz/corpus; what it finds new goes to build/fuzz-corpus, never into the tree.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20}
shift || true
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || targets=(request_head response_head chunk proxy_header spec scenario exchange)

if ! command -v clang++-19 >/dev/null; then
  echo "clang++-19 is missing (Debian: clang-19 libclang-rt-19-dev)" >&2
  exit 1
fi
cmake --preset asan >/dev/null
cmake --build --preset asan --target "${targets[@]/#/fuzz_}"
for target in "${targets[@]}"; do
  grown=build/fuzz-corpus/$target
  mkdir -p "$grown"
  echo "--- $target, $seconds s"
  "build/asan/fuzz_$target" -max_total_time="$seconds" -print_final_stats=1 -max_len=20000 -timeout=10 \
    "$grown" "tests/fuzz/corpus/$target" 2>&1 | grep -E "number_of_executed_units|ERROR|SUMMARY|Test unit|deadly" || true
  test "${PIPESTATUS[0]}" -eq 0
done
