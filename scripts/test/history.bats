#!/usr/bin/env bats
# The judgement of fault-test.sh, on forged histories: each kind of lie is seen.

setup() {
  load helpers
  # shellcheck source=/dev/null # checked on its own
  source "$SCRIPTS/lib/history.sh"
  dir=$BATS_TEST_TMPDIR/kept
  mkdir -p "$dir"
  echo fault-x1- >"$dir/run"
  # Four calls: two acknowledged, one refused, and three whose outcome was
  # unknown and is applied, burnt and still unknown.
  row 1 a 100 110 applied 5 0
  row 2 b 105 120 applied 5 1
  row 1 c 120 130 notapplied '' ''
  row 2 d 125 400 unknown '' ''
  row 1 e 131 400 unknown '' ''
  row 2 f 401 500 unknown '' ''
  row 1 g 410 420 applied 9 0
  printf '%s\t%s\t%s\t%s\t%s\n' k-d applied 7 0 600 k-e burnt '' '' 610 k-f unknown '' '' 620 >"$dir/settled"
  for learner in learner1 learner2; do
    printf '%s\t%s\t%s\n' 4 0 'somebody\"s' 5 0 fault-x1-a 5 1 fault-x1-b 7 0 fault-x1-d 9 0 fault-x1-g 9 1 "somebody else's" >"$dir/log.$learner"
    printf 'end\t9\n' >>"$dir/log.$learner"
  done
}

# row WRITER VALUE START END OUTCOME SLOT POSITION
row() {
  printf '%s\tfault-x1-%s\tk-%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$2" "$3" "$4" "$5" "$6" "$7" >>"$dir/history"
}

# both EXPRESSION alters both logs.
both() {
  sed -i "$@" "$dir/log.learner1" "$dir/log.learner2"
}

# says WORD… checks what is found to be wrong, of one learner or of both.
says() {
  local found
  found=$(history_check "$dir" | cut -f 1 | sort -u | tr '\n' ' ')
  [[ ${found% } == "$*" ]] || { echo "found: $found"; history_check "$dir"; return 1; }
}

@test "a true history passes" {
  says ''
  history_counts "$dir"
  [[ "$ACKNOWLEDGED $REFUSED $UNKNOWN $ERRORS $LATER $BURNT $OPEN" == '3 1 3 0 1 1 1' ]]
}

@test "an acknowledged write that is lost" {
  both '/fault-x1-a$/d'
  says lost
}

@test "a write that was settled as applied, and is lost" {
  both '/fault-x1-d$/d'
  says lost
}

@test "an acknowledged write that one learner has lost" {
  sed -i '/fault-x1-b$/d' "$dir/log.learner2"
  says differ lost
}

@test "a write that is there twice" {
  both 's/^9\t1\t.*/&\n10\t0\tfault-x1-a/'
  says twice
  both '$!d'
  both '1i 7\t0\tfault-x1-f\n8\t0\tfault-x1-f'
  [[ $(history_check "$dir" | grep -c ^twice) == 2 ]]
}

@test "a write at another slot or position than it was told" {
  both 's/^5\t1\tfault/6\t0\tfault/'
  says elsewhere
}

@test "a refused write that is there" {
  both 's/^9\t1\t.*/&\n10\t0\tfault-x1-c/'
  says undead
}

@test "a burnt write that is there" {
  both 's/^9\t1\t.*/&\n10\t0\tfault-x1-e/'
  says undead
}

@test "an unknown write may be there once, or not" {
  both 's/^9\t1\t.*/&\n10\t0\tfault-x1-f/'
  says ''
}

@test "an unknown write that took effect before it was sent" {
  both 's/^5\t0\t.*/3\t0\tfault-x1-f\n&/; /somebody/d'
  says order
}

@test "acknowledged writes in the wrong order of time" {
  # b began after a had ended, and is told a place before it.
  sed -i 's/\t105\t120\tapplied/\t115\t120\tapplied/' "$dir/history"
  says ''
  sed -i 's/applied\t5\t0/applied\t5\tX/; s/applied\t5\t1/applied\t5\t0/; s/applied\t5\tX/applied\t5\t1/' "$dir/history"
  both 's/x1-a$/x1-X/; s/x1-b$/x1-a/; s/x1-X$/x1-b/'
  says order
}

@test "calls at the same time may stand in any order" {
  sed -i 's/applied\t5\t0/applied\t5\tX/; s/applied\t5\t1/applied\t5\t0/; s/applied\t5\tX/applied\t5\t1/' "$dir/history"
  both 's/x1-a$/x1-X/; s/x1-b$/x1-a/; s/x1-X$/x1-b/'
  says ''
}

@test "a value that nobody sent" {
  both 's/^9\t1\t.*/&\n10\t0\tfault-x1-z/'
  says unsent
}

@test "an acknowledged call that is removed from the history" {
  sed -i '/\tfault-x1-a\t/d' "$dir/history"
  says unsent
}

@test "learners that differ in somebody else's value" {
  sed -i 's/somebody/nobody/' "$dir/log.learner2"
  says differ
}

@test "a log that ends early, or whose end was not read" {
  sed -i '$d' "$dir/log.learner2"
  says unread
  rm "$dir/log.learner1" "$dir/log.learner2"
  says unread
}

@test "a log that is in no order" {
  both 's/^4\t0/6\t0/'
  says unordered
}

@test "what cannot be judged does not pass" {
  echo nonsense >>"$dir/history"
  says garbled
  setup
  says garbled
  : >"$dir/history"
  [[ -n $(history_check "$dir") ]]
  rm "$dir/settled"
  run -1 history_check "$dir"
  rm "$dir/run"
  run ! history_check "$dir"
}

@test "an answer that was given is not settled again" {
  printf '%s\t%s\t%s\t%s\t%s\n' k-a burnt '' '' 700 >>"$dir/settled"
  says garbled
}

@test "nothing acknowledged proves nothing" {
  sed -i '/\tapplied\t/d' "$dir/history"
  both '/fault/d'
  : >"$dir/settled"
  says empty
}

@test "a history in which nothing was unknown" {
  sed -i '/\tunknown\t/d' "$dir/history"
  both '/fault-x1-d$/d'
  : >"$dir/settled"
  says ''
  both '/fault-x1-a$/d'
  says lost
}

@test "pauses and failures of a time" {
  history_pause "$dir" 100 500
  [[ $REPLY == 300 ]]
  history_pause "$dir" 425 500
  [[ $REPLY == 75 ]]
  history_failed "$dir" 100 110
  [[ $REPLY == 0 ]]
  history_failed "$dir" 100 130
  [[ $REPLY == 2 ]]
}
