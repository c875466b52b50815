#!/usr/bin/env bash
# Runs every fuzz target of the module (bench is one of its own) for a while, one after the other, and
# counts the executions.
set -euo pipefail
cd "$(dirname "$0")/.."
usage="usage: scripts/fuzz.sh [TIME] [-sums FILE]

Runs each fuzz target for TIME, for example 30s or 2m, or 1000x for a count
(default: 10s), and prints how many executions that were. With -sums, adds them
to a file of sums, for example docs/figures/fuzzing.json.

Exit code 0: no target failed; 1: one did, and nothing is added; 2: wrong usage."
time='' sums=''
while (($# > 0)); do
  case $1 in
    --help | -h)
      echo "$usage"
      exit 0
      ;;
    -sums)
      [[ -n ${2-} ]] || { echo "-sums needs a file" >&2; exit 2; }
      sums=$2
      shift
      ;;
    *)
      if [[ -n $time ]] || ! [[ $1 =~ ^[0-9]+(s|m|h|x)$ ]]; then
        echo "$usage" >&2
        exit 2
      fi
      time=$1
      ;;
  esac
  shift
done
time=${time:-10s}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

targets() {
  grep -rl --include='*_test.go' --exclude-dir=bench '^func Fuzz' . | sort | while read -r file; do
    sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | sed "s|^|$(dirname "$file") |"
  done
}

# over tells whether a target only ran out of its time in the middle of an
# input, which go test takes for a failure (golang.org/issue/75804).
over() {
  grep -q 'context deadline exceeded' "$log" && ! grep -qE 'Failing input written|panic:|fuzzing process' "$log"
}

begun=$SECONDS total=0 counts=()
while read -r package target <&3; do
  echo "== $package $target"
  if ! go test "$package" -timeout 0 -run '^$' -fuzz "^${target}\$" -fuzztime "$time" 2>&1 | tee "$log" && ! over; then
    echo "$target failed: nothing is counted" >&2
    exit 1
  fi
  # go says after every few seconds how many there were so far, once it has gone
  # through what it knows already; on a busy machine there may be no time left.
  executions=$(sed -n -e 's/.*, execs: \([0-9]*\) .*/\1/p' -e 's/.*gathering baseline coverage: .*/0/p' "$log" | tail -n 1)
  [[ -n $executions ]] || { echo "$target: go test did not say how many executions there were" >&2; exit 1; }
  total=$((total + executions))
  counts+=("executions of $target=$executions")
done 3< <(targets)
((${#counts[@]} > 0)) || { echo "there is no fuzz target" >&2; exit 1; }
seconds=$((SECONDS - begun))
echo "$total executions of ${#counts[@]} targets in $seconds s"
if [[ -n $sums ]]; then
  go run ./cmd/figures add -test fuzzing -sums "$sums" -command "scripts/fuzz.sh $time" -seconds "$seconds" "executions=$total" "${counts[@]}"
fi
