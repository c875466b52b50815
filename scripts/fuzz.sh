#!/usr/bin/env bash
# Runs every fuzz target, of bench too, which is a module of its own, for a while,
# one after the other, and counts the executions.
set -euo pipefail
cd "$(dirname "$0")/.."
usage="usage: scripts/fuzz.sh [TIME] [-sums FILE]

Runs each fuzz target for TIME, for example 30s or 2m, or 1000x for a count
(default: 10s), and prints how many executions that were. With -sums, adds them
to a file of sums, for example docs/figures/fuzzing.json.

Exit code 0: no target failed; 1: one did: the others are run all the same, and
nothing is added; 2: wrong usage."
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

# targets prints of each its module, its package there, and its name.
targets() {
  grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do
    module=. package=$(dirname "$file")
    if [[ $file == ./bench/* ]]; then
      module=bench package=./${package#./bench/}
    fi
    sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | sed "s|^|$module $package |"
  done
}

# over tells whether a target only ran out of its time in the middle of an
# input, which go test takes for a failure (golang.org/issue/75804).
over() {
  grep -q 'context deadline exceeded' "$log" && ! grep -qE 'Failing input written|panic:|fuzzing process' "$log"
}

# Of the tree that is fuzzed, and not of the one that is there when it is over.
[[ -z $sums ]] || commit=$(go run ./cmd/figures commit)
begun=$SECONDS total=0 counts=() failed=()
while read -r module package target <&3; do
  echo "== $package $target"
  if ! (cd "$module" && go test "$package" -timeout 0 -run '^$' -fuzz "^${target}\$" -fuzztime "$time") 2>&1 | tee "$log" && ! over; then
    echo "$target failed: what it ran is not counted" >&2
    failed+=("$target")
    continue
  fi
  # go says after every few seconds how many there were so far, once it has gone
  # through what it knows already; on a busy machine there may be no time left.
  executions=$(sed -n -e 's/.*, execs: \([0-9]*\) .*/\1/p' -e 's/.*gathering baseline coverage: .*/0/p' "$log" | tail -n 1)
  if [[ -z $executions ]]; then
    echo "$target: go test did not say how many executions there were" >&2
    failed+=("$target")
    continue
  fi
  total=$((total + executions))
  counts+=("executions of $target=$executions")
done 3< <(targets)
((${#counts[@]} + ${#failed[@]} > 0)) || { echo "there is no fuzz target" >&2; exit 1; }
seconds=$((SECONDS - begun))
echo "$total executions of ${#counts[@]} targets in $seconds s"
if ((${#failed[@]} > 0)); then
  echo "${#failed[@]} more failed: ${failed[*]}${sums:+; nothing is added to $sums}" >&2
  exit 1
fi
if [[ -n $sums ]]; then
  go run ./cmd/figures add -test fuzzing -sums "$sums" -commit "$commit" -command "scripts/fuzz.sh $time" -seconds "$seconds" "executions=$total" "${counts[@]}"
fi
