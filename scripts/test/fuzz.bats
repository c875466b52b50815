#!/usr/bin/env bats
# The fuzzing script, with a go that fuzzes nothing and says what go says.

setup() {
  load helpers
  REAL_GO=$(command -v go)
  export REAL_GO
  export SAYS=$BATS_TEST_TMPDIR/says STATE=$BATS_TEST_TMPDIR/state FAILS=
  mkdir "$BATS_TEST_TMPDIR/bin"
  cat >"$BATS_TEST_TMPDIR/bin/go" <<'GO'
#!/bin/sh
if [ "$*" = 'run ./cmd/figures commit' ]; then
  [ -e "$STATE" ] || echo abc1234 # before anything was run
  exit
fi
[ "$1" = test ] || exec "$REAL_GO" "$@"
echo "$(basename "$PWD") $*" >>"$STATE"
cat "$SAYS"
case $* in *"$FAILS"*) exit "$(cat "$SAYS.code")" ;; esac
GO
  chmod +x "$BATS_TEST_TMPDIR/bin/go"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH
  printf '%s\n' 'fuzz: elapsed: 0s, gathering baseline coverage: 0/9 completed' \
    'fuzz: elapsed: 3s, execs: 100 (33/sec), new interesting: 1 (total: 10)' \
    'fuzz: elapsed: 5s, execs: 250 (50/sec), new interesting: 1 (total: 10)' PASS >"$SAYS"
  echo 0 >"$SAYS.code"
  sums=$BATS_TEST_TMPDIR/fuzzing.json
  n=$(grep -rh --include='*_test.go' '^func Fuzz' "$SCRIPTS/.." | wc -l)
}

@test "every target is run, and its last count is added" {
  run "$SCRIPTS/fuzz.sh" 5s -sums "$sums"
  [[ $status == 0 ]] || { echo "$output"; return 1; }
  [[ $(wc -l <"$STATE") == "$n" ]]
  [[ $output == *"$((250 * n)) executions of $n targets"* ]]
  grep -q -- '-fuzz ^FuzzSegments\$ -fuzztime 5s' "$STATE"
  grep -q -- '^bench test ./peers/dragonboat/command .*-fuzz ^FuzzNext\$' "$STATE"
  [[ $(jq -r '.legs[0].commit' "$sums") == abc1234 ]]
  [[ $(jq -r '.legs[0].sums["executions"], .legs[0].sums["executions of FuzzSegments"], .legs[0].command' "$sums" | tr '\n' ' ') == "$((250 * n)) 250 scripts/fuzz.sh 5s " ]]
  run "$SCRIPTS/fuzz.sh" -sums "$sums" 100x
  [[ $status == 0 && $(jq -r '.legs | length' "$sums") == 2 ]]
}

@test "without -sums it counts and keeps nothing" {
  run "$SCRIPTS/fuzz.sh"
  [[ $status == 0 && $output == *"executions of $n targets"* ]]
  grep -q -- '-fuzztime 10s' "$STATE"
  [[ ! -e $sums ]]
}

@test "a target that fails is named, the others are run, and nothing is added" {
  FAILS=FuzzSegments
  echo 'Failing input written to testdata/fuzz/FuzzX/1, context deadline exceeded' >>"$SAYS"
  echo 1 >"$SAYS.code"
  run "$SCRIPTS/fuzz.sh" 5s -sums "$sums"
  [[ $status == 1 && $output == *'FuzzSegments failed: what it ran is not counted'* && ! -e $sums ]]
  [[ $output == *"$((250 * (n - 1))) executions of $((n - 1)) targets"* && $output == *'1 more failed: FuzzSegments; nothing is added'* ]]
  [[ $(wc -l <"$STATE") == "$n" ]]
}

@test "a target whose time is over within an input has not failed" {
  echo '    context deadline exceeded' >>"$SAYS"
  echo 1 >"$SAYS.code"
  run "$SCRIPTS/fuzz.sh" 5s
  [[ $status == 0 && $output == *"$((250 * n)) executions"* ]]
}

@test "a target that had time for nothing new counts for nothing" {
  head -n 1 "$SAYS" >"$SAYS.0" && mv "$SAYS.0" "$SAYS"
  run "$SCRIPTS/fuzz.sh" 1s
  [[ $status == 0 && $output == *"0 executions of $n targets"* ]]
}

@test "a go that counts nothing is not believed" {
  echo PASS >"$SAYS"
  run "$SCRIPTS/fuzz.sh" 5s -sums "$sums"
  [[ $status == 1 && $output == *'did not say how many'* && ! -e $sums ]]
}

@test "wrong usage is exit code 2" {
  local args
  for args in 5 '5s 6s' -sums '-x 5s'; do
    # shellcheck disable=SC2086 # words
    run "$SCRIPTS/fuzz.sh" $args
    [[ $status == 2 && ! -e $STATE ]] || { echo "$args: $output"; return 1; }
  done
  run "$SCRIPTS/fuzz.sh" -h
  [[ $status == 0 && $output == *usage:* ]]
}
