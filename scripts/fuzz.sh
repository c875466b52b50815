#!/usr/bin/env bash
# Runs every fuzz target of the module for a while, one after the other.
# usage: scripts/fuzz.sh [TIME EACH, for example 30s; default 10s]
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ "${1-}" == --help || "${1-}" == -h ]]; then
  echo "usage: $0 [TIME], for example 30s, 2m, or 1000x for a count (default: 10s, each target)"
  exit 0
fi
time="${1:-10s}"
if ! [[ "$time" =~ ^[0-9]+(s|m|h|x)$ ]]; then
  echo "usage: $0 [TIME], for example 30s, 2m, or 1000x for a count" >&2
  exit 2
fi
grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do
  sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | while read -r target; do
    echo "== $(dirname "$file") $target"
    go test "$(dirname "$file")" -run '^$' -fuzz "^${target}\$" -fuzztime "$time"
  done
done
