#!/usr/bin/env bash
# evenkeel in a minute: three small backends behind one port, one of them killed and brought back.
# Installs what is missing, builds, and fails loudly when anything is not as it says.
set -euo pipefail
cd "$(dirname "$0")/.."

requests=300
names=(one two three)
scratch=$(mktemp -d)
pids=() # what this script started, and nothing else

finish() {
  local code=$?
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  if [[ $code -ne 0 && -s $scratch/evenkeel.log ]]; then
    printf '\nThe last lines of the log of evenkeel:\n' >&2
    tail -n 20 "$scratch/evenkeel.log" >&2
  fi
  rm -rf "$scratch"
}
trap finish EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$1"; }
die() { printf '\nDEMO FAILED: %s\n' "$1" >&2; exit 1; }

in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() { # the port itself, else one a hundred or more above it
  local port=$1
  while in_use "$port"; do port=$((port + 100)); done
  [[ $port == "$1" ]] || echo "Port $1 is in use on this machine; taking $port instead." >&2
  echo "$port"
}

wait_until() { # what, seconds, command...
  local what=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@"; do
    [[ $SECONDS -lt $deadline ]] || die "$what: not in time"
    sleep 0.1
  done
}

start_backend() { # index
  python3 examples/backend.py "${names[$1]}" "${ports[$1]}" &
  backend_pids[$1]=$!
  pids+=($!)
  disown $! # so that the shell does not report the kill that is to come
  wait_until "backend ${names[$1]}" 10 in_use "${ports[$1]}"
}

send() { # count, file, curl options...: one line an answer; fails if a single request fails
  local count=$1 file=$2
  shift 2
  curl -sS --fail --fail-early --max-time 60 "$@" "http://127.0.0.1:$front/[1-$count]" >"$file" ||
    die "a request failed"
  [[ $(wc -l <"$file") -eq $count ]] || die "$count requests, but $(wc -l <"$file") answers"
}

share() { grep -cx "$2" "$1" || true; } # file, name

table() { # file
  local name count
  for name in "${names[@]}"; do
    count=$(share "$1" "$name")
    printf '  %-6s %4d  %s\n' "$name" "$count" "$(printf '%*s' $((count / 5)) '' | tr ' ' '#')"
  done
}

answers_again() { # name
  # Not into a pipe: grep -q would hang up on curl, and that would count as a failure.
  curl -sS --max-time 5 "http://127.0.0.1:$front/[1-30]" >"$scratch/again" 2>/dev/null && grep -qx "$1" "$scratch/again"
}

say "Installing what is missing and building (once)"
scripts/install-deps.sh build
launcher=()
if command -v ccache >/dev/null; then
  launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi
cmake --preset release "${launcher[@]}" >/dev/null
cmake --build --preset release --parallel "$(nproc)" --target evenkeel_cli
evenkeel=build/release/evenkeel

front=$(free_port 8080)
ports=()
for port in 9001 9002 9003; do ports+=("$(free_port "$port")"); done
spec=examples/quickstart.json
if [[ "$front ${ports[*]}" != "8080 9001 9002 9003" ]]; then
  spec=$scratch/quickstart.json
  sed -e "s/8080/$front/; s/9001/${ports[0]}/; s/9002/${ports[1]}/; s/9003/${ports[2]}/" examples/quickstart.json >"$spec"
fi

say "Three backends, and evenkeel in front of them"
backend_pids=()
for index in 0 1 2; do start_backend "$index"; done
"$evenkeel" check "$spec" || die "the spec is not fine"
"$evenkeel" run "$spec" 2>"$scratch/evenkeel.log" &
evenkeel_pid=$!
pids+=("$evenkeel_pid")
is_ready() {
  kill -0 "$evenkeel_pid" 2>/dev/null || die "evenkeel ended early"
  grep -q '"event":"ready"' "$scratch/evenkeel.log"
}
wait_until "evenkeel listens" 10 is_ready

say "$requests requests to http://127.0.0.1:$front/"
send "$requests" "$scratch/even"
table "$scratch/even"
for name in "${names[@]}"; do
  count=$(share "$scratch/even" "$name")
  [[ $count -ge $((requests / 3 - 3)) && $count -le $((requests / 3 + 3)) ]] || die "that is not even"
done

say "$((requests * 2)) more, and backend two is killed while they run"
send $((requests * 2)) "$scratch/killed" --rate 200/s &
sender=$!
sleep 1
kill -KILL "${backend_pids[1]}"
wait "$sender" || exit 1
table "$scratch/killed"
[[ $(share "$scratch/killed" two) -gt 0 ]] || die "two was killed before it got anything"
[[ $(share "$scratch/killed" two) -lt $((requests * 2 / 3)) ]] || die "two went on answering after its death"
echo "  Not one request failed."

say "Backend two comes back"
began=$SECONDS
start_backend 1
wait_until "two gets work again" 60 answers_again two
echo "  It gets work again after $((SECONDS - began)) s."
send "$requests" "$scratch/back"
table "$scratch/back"
for name in "${names[@]}"; do
  [[ $(share "$scratch/back" "$name") -ge $((requests / 4)) ]] || die "$name gets too little"
done

say "SIGTERM: evenkeel finishes what is under way, and ends"
kill -TERM "$evenkeel_pid"
code=0
wait "$evenkeel_pid" || code=$?
[[ $code -eq 0 ]] || die "evenkeel ended with $code"
echo "  It ended with 0. That is all; scripts/test.sh runs the tests."
