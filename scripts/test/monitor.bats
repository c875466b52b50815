#!/usr/bin/env bats
# monitor.sh: what it shows and what it leaves out.

setup() {
  load helpers
}

@test "bad usage is exit code 2" {
  run -2 "$MONITOR" nonsense
  [[ $output == 'unexpected argument "nonsense" (see --help)' ]]
  run -2 "$MONITOR" --bogus
  [[ $output == 'unknown option "--bogus" (see --help)' ]]
  run -2 env PAXOS_MAX_WAIT=x "$MONITOR"
  [[ $output == 'PAXOS_MAX_WAIT: "x" '* ]]
  run -2 "$MONITOR" --interval 0
  run -2 "$MONITOR" --interval
  run -0 "$MONITOR" --help
}

@test "nobody there: said once, exit code 1" {
  run -1 elsewhere PAXOS_LEARNER_ADDRESSES=127.0.0.1:1 "$MONITOR" --no-follow
  [[ $output == *'learner1 is unreachable'* ]]
}

@test "it finds the local cluster of a directory, and says where it looked" {
  cd "$BATS_TEST_TMPDIR"
  mkdir -p paxos-data
  printf '%s\n' learner1=127.0.0.1:3 client1=127.0.0.1:4 >paxos-data/addresses
  run -1 elsewhere "$MONITOR" --no-follow
  [[ $output == *'learner1 is unreachable at 127.0.0.1:3'* && $output == *'Nobody answered at 127.0.0.1:3, 127.0.0.1:4 (from paxos-data/addresses)'*PAXOS_LEARNER_ADDRESSES* ]] || { printf '%s\n' "$output"; return 1; }
}

@test "a value's way through the roles" {
  need_nodes
  "$CLIENT" send "watched $RANDOM"
  run -0 "$MONITOR" --no-follow --last 20
  [[ $output == *' accepted '* && $output == *' chosen '* && $output == *' applied '* && $output != *$'\e'* ]]
}

@test "a role alone" {
  need_nodes
  run -0 "$MONITOR" --no-follow --learners
  [[ $output == *learner1* && $output != *acceptor1\ * ]]
}

@test "more with --verbose" {
  need_nodes
  run -0 "$MONITOR" --no-follow --clients
  [[ $output != *' propose '* && $output != *' notify '* && $output != *state* ]] || { printf '%s\n' "$output"; return 1; }
  run -0 "$MONITOR" --no-follow --clients --verbose
  [[ $output == *state* ]]
}

@test "an interrupt ends it" {
  need_nodes
  # In a group of its own: a shell's background job ignores interrupts.
  set -m
  "$MONITOR" --interval 60 >/dev/null 2>"$BATS_TEST_TMPDIR/said" &
  local pid=$! status=0
  # It says so when it has looked once and waits for more: from then on its
  # own trap, and no default of the shell, decides how an interrupt ends it.
  for _ in {1..100}; do
    [[ ! -s $BATS_TEST_TMPDIR/said ]] || break
    sleep 0.1
  done
  [[ -s $BATS_TEST_TMPDIR/said ]]
  kill -INT "$pid"
  wait "$pid" || status=$?
  ((status == 130)) || { echo "exit code $status"; return 1; }
}
