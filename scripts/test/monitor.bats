#!/usr/bin/env bats
# monitor.sh: what it shows and what it leaves out.

setup() {
  load helpers
}

@test "bad usage is exit code 2" {
  run -2 "$MONITOR" nonsense
  run -2 "$MONITOR" --interval 0
  run -2 "$MONITOR" --interval
  run -0 "$MONITOR" --help
}

@test "nobody there: said once, exit code 1" {
  run -1 elsewhere PAXOS_LEARNER_ADDRESSES=127.0.0.1:1 "$MONITOR" --no-follow
  [[ $output == *'learner1 is unreachable'* ]]
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
  "$MONITOR" --interval 60 >/dev/null 2>&1 &
  sleep 1
  kill -INT $!
  run -130 wait $!
}
