#!/usr/bin/env bats
# fault-test.sh: its words, and what it says of a run that was kept. The drills
# themselves are driven in test/scripts and test/e2e.

setup() {
  load helpers
  FAULT=$SCRIPTS/fault-test.sh
  dir=$BATS_TEST_TMPDIR/kept
  mkdir -p "$dir"
  echo fault-x1- >"$dir/run"
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' \
    1 fault-x1-1-1 k1 100 110 applied 5 0 \
    2 fault-x1-2-1 k2 120 130 applied 6 0 \
    1 fault-x1-1-2 k3 120 130 notapplied '' '' \
    1 fault-x1-1-3 k4 140 150 unknown '' '' >"$dir/history"
  printf 'k4\tburnt\t\t\t160\n' >"$dir/settled"
  printf '%s\t%s\t%s\n' 5 0 fault-x1-1-1 6 0 fault-x1-2-1 >"$dir/log.learner1"
  printf 'end\t7\n' >>"$dir/log.learner1"
  cp "$dir/log.learner1" "$dir/log.learner2"
  : >"$dir/faults"
}

@test "a kept run is judged again" {
  run -0 "$FAULT" --check "$dir"
  [[ $output == *'2 acknowledged, 1 refused as not applied, 1 unknown (of which later 0 applied, 1 burnt, 0 still unknown)'*'VERDICT: PASS: 2 '* ]] || { printf '%s\n' "$output"; return 1; }
  run -0 "$FAULT" --check "$dir" --lang pt
  [[ $output == *'2 confirmadas'*'VERDICT: PASS: '* ]]
  cd "$BATS_TEST_TMPDIR"
  mv kept a=b
  run -0 "$FAULT" --check a=b
}

@test "the verdict speaks of refusals only where there were some" {
  run -0 "$FAULT" --check "$dir"
  [[ $output == *'; both kinds of refusal held.' ]]
  : >"$dir/settled"
  run -0 "$FAULT" --check "$dir"
  [[ $output == *'; what was refused as not applied is not there.' ]]
  sed -i '/notapplied/d' "$dir/history"
  run -0 "$FAULT" --check "$dir"
  [[ $output == *'in the order they were told.' ]]
  printf 'k4\tburnt\t\t\t160\n' >"$dir/settled"
  run -0 "$FAULT" --check "$dir"
  [[ $output == *'; what was burnt is not there.' ]]
}

@test "an acknowledged write that is removed by hand is a failure" {
  sed -i '/fault-x1-2-1/d' "$dir/log.learner1" "$dir/log.learner2"
  run -1 "$FAULT" --check "$dir"
  [[ $output == *'LOST: fault-x1-2-1 (acknowledged at 6.0) is not in the log of learner1'*'VERDICT: FAIL: 2 '* ]] || { printf '%s\n' "$output"; return 1; }
  setup
  sed -i '/fault-x1-2-1/d' "$dir/log.learner2"
  run -1 "$FAULT" --check "$dir"
  [[ $output == *'LEARNERS DIFFER'*'VERDICT: FAIL'* ]]
  setup
  sed -i '/fault-x1-2-1/d' "$dir/history"
  run -1 "$FAULT" --check "$dir"
  [[ $output == *'UNSENT: fault-x1-2-1'*'VERDICT: FAIL'* ]]
}

@test "each kind of fault has its sentence" {
  local kind
  # shellcheck source=/dev/null # checked on its own
  source "$SCRIPTS/lib/text.sh"
  text_load en
  # shellcheck disable=SC2013 # words, not lines
  for kind in $(grep -oE 'wrong\("[a-z]+"|printf "?'\''?(differ|unread)' "$SCRIPTS/lib/history.sh" | grep -oE '[a-z]+$|"[a-z]+"$' | tr -d '"' | sort -u); do
    [[ -n ${TEXT[fault.wrong.$kind]-} ]] || { echo "no sentence for $kind"; return 1; }
  done
}

@test "what did not hold in the drills is judged again, too" {
  printf 'quorum\tFAILED: \e[31m\nall\tFAILED: other\n' >"$dir/faults"
  run -1 "$FAULT" --check "$dir"
  [[ $output == *'  quorum: FAILED: \u001b[31m'*'  all: FAILED: other'*'VERDICT: FAIL: 0 things are wrong with the history, 2 with the drills.' ]] || { printf '%s\n' "$output"; return 1; }
  rm "$dir/faults"
  run -1 "$FAULT" --check "$dir"
  [[ $output == *'cannot be judged'*'VERDICT: FAIL'* ]]
}

@test "local are kind's contexts and minikube's, whatever they are called" {
  local CONTEXT there
  # shellcheck source=/dev/null # checked on its own
  source "$SCRIPTS/lib/kubenodes.sh"
  kubectl() {
    [[ $1 == config && $2 == view ]] && printf '%s\n' 'prod|' 'paxos|minikube.sigs.k8s.io' 'other|somebody'
  }
  for CONTEXT in kind-paxos kind-paxos-e2e minikube paxos; do kube_local; done
  for CONTEXT in prod other nowhere axos 'paxos|minikube' my-kind-paxos ''; do
    there=''
    ! kube_local || there=yes
    [[ -z $there ]] || { echo "$CONTEXT counts as local"; return 1; }
  done
}

@test "what is in the files does not reach the terminal as a command" {
  printf '9\t0\tfault-x1-\e[31m\n' >"$dir/log.learner2"
  printf 'end\t9\n' >>"$dir/log.learner2"
  run -1 "$FAULT" --check "$dir"
  [[ $output != *$'\e'* && $output == *'\u001b[31m'* ]]
}

@test "files that are not there are no verdict of success" {
  run -2 "$FAULT" --check "$dir/none"
  rm "$dir"/log.*
  run -1 "$FAULT" --check "$dir"
  [[ $output == *UNREAD*'VERDICT: FAIL'* ]]
  rm "$dir/history"
  run -1 "$FAULT" --check "$dir"
  [[ $output == *'cannot be judged'*'VERDICT: FAIL'* ]]
}

@test "without kubectl, or without the context, nothing is begun" {
  printf '#!/bin/sh\nexit 1\n' >"$BATS_TEST_TMPDIR/kubectl"
  chmod +x "$BATS_TEST_TMPDIR/kubectl"
  run -5 env PATH="$BATS_TEST_TMPDIR:$PATH" "$FAULT" --context nowhere
  [[ $output == *nowhere* ]]
  mkdir "$BATS_TEST_TMPDIR/few"
  for tool in bash env awk sort cut tail curl mktemp od head tr rm dirname cat; do ln -s "$(command -v "$tool")" "$BATS_TEST_TMPDIR/few/$tool"; done
  run -5 env PATH="$BATS_TEST_TMPDIR/few" "$FAULT"
  [[ $output == *'kubectl was not found: scripts/setup-kubernetes-wsl.sh'* ]] || { printf '%s\n' "$output"; return 1; }
  run -2 "$FAULT" --bogus
  [[ $output == 'unknown option "--bogus" (see --help)' ]]
  run -2 env PAXOS_MAX_WAIT=x "$FAULT"
  [[ $output == 'PAXOS_MAX_WAIT: "x"'* ]]
  run -2 "$FAULT" --seconds 1 nonsense
  [[ $output == *'acceptor quorum acceptors all leader'* ]]
}
