# shellcheck shell=bash
# shellcheck disable=SC2034,SC2016 # awk's programs are not to be expanded; names in capitals are the caller's
# What users were told, against what the learners have: the judgement of
# fault-test.sh. It reads files of one directory and nothing else, so that it
# can be asked again later, and about files that somebody has altered.
#
#   run        the name that all values of this run begin with: fault-RUN-
#   history    a line for each call, with tabs between:
#              writer, value, key, start, end (ms), outcome, slot, position.
#              outcome is applied, notapplied, unknown or error
#   settled    what became of calls with an unknown outcome afterwards:
#              key, applied|burnt|unknown, slot, position, time (ms)
#   log.NODE   the log of a learner: slot, position, value (as in its JSON);
#              a last line "end SLOT" says that all of it was read
#   times      drill, start, end (ms)
#   faults     a line for each thing that did not hold in a drill: drill, what.
#              That it is there, and empty, says that all of them held
#
# A log that only grows is linearizable if every call that was answered stands
# in it once, where it was told, and a call that ended before another began
# stands before it.

# history_check DIR prints a line for each thing that is wrong, a word and what
# it is about, with tabs; nothing if all is well. It fails when it cannot judge.
history_check() {
  local dir=$1 log first='' run
  run=$(<"$dir/run") || return 1
  [[ $run =~ ^fault-[a-z0-9]+-$ && -r $dir/history && -r $dir/settled ]] || return 1
  for log in "$dir"/log.*; do
    [[ -r $log && $(tail -n 1 -- "$log") =~ ^end$'\t'[0-9]+$ ]] || { printf 'unread\t%s\n' "${log##*/}"; continue; }
    [[ -n $first ]] || first=$log
    _history_same "$first" "$log" || return 1
    # The files are told apart by what stands before them: an empty one counts too.
    awk -F '\t' -v run="$run" -v log_name="${log##*/log.}" "$_HISTORY" file=1 "$dir/history" file=2 "$dir/settled" file=3 "$log" || return 1
  done
}

# _history_same compares two logs as they are, other people's values too.
_history_same() {
  [[ $1 != "$2" ]] || return 0
  awk -F '\t' -v one="${1##*/log.}" -v other="${2##*/log.}" '
    NR == FNR { line[FNR] = $0; n = FNR; next }
    $0 != line[FNR] && !said { printf "differ\t%s\t%s\t%s\t%s\n", one, line[FNR], other, $0; said = 1 }
    END { if (FNR != n && !said) printf "differ\t%s\t%s lines\t%s\t%s lines\n", one, n, other, FNR }
  ' "$1" "$2"
}

_HISTORY='
function wrong(what, about) { printf "%s\t%s\t%s\n", what, about, log_name }

file == 1 {
  if (NF != 8 || $6 !~ /^(applied|notapplied|unknown|error)$/ || $4 !~ /^[0-9]+$/ || $5 !~ /^[0-9]+$/ || $5 + 0 < $4 + 0 || index($2, run) != 1 \
    || ($6 == "applied" && ($7 !~ /^[0-9]+$/ || $8 !~ /^[0-9]+$/))) { wrong("garbled", "history, line " FNR); next }
  if ($2 in outcome) { wrong("garbled", "history: " $2 " twice"); next }
  values++
  value[values] = $2
  outcome[$2] = $6; start[$2] = $4; of_key[$3] = $2
  # What is unknown has no end: it may happen at any later time.
  if ($6 == "applied") { ended[$2] = $5; place[$2] = $7 "." $8; told++ }
  next
}

file == 2 {
  if (NF != 5 || $2 !~ /^(applied|burnt|unknown)$/ || !($1 in of_key)) { wrong("garbled", "settled, line " FNR); next }
  v = of_key[$1]
  # An answer stands; what is settled later can only be about what was open.
  if (outcome[v] != "unknown" && outcome[v] != "error") { wrong("garbled", "settled: " v " was " outcome[v]); next }
  if ($2 == "burnt") outcome[v] = "burnt"
  if ($2 == "applied") { outcome[v] = "applied"; place[v] = $3 "." $4; ended[v] = $5 }
  next
}

$1 == "end" { next }
NF != 3 || $1 !~ /^[0-9]+$/ || $2 !~ /^[0-9]+$/ { wrong("garbled", "log, line " FNR); next }
{
  if (lines++ && ($1 + 0 < slot || ($1 + 0 == slot && $2 + 0 <= position))) wrong("unordered", $1 "." $2)
  slot = $1 + 0; position = $2 + 0
}
index($3, run) != 1 { next }
{
  v = $3
  if (!(v in outcome)) { wrong("unsent", v " at " $1 "." $2); next }
  if (v in found) { wrong("twice", v " at " found[v] " and " $1 "." $2); next }
  found[v] = $1 "." $2
  order[++many] = v
}

END {
  if (!told) wrong("empty", "history")
  for (i = 1; i <= values; i++) {
    v = value[i]
    if (outcome[v] == "applied" && !(v in found)) wrong("lost", v " (acknowledged at " place[v] ")")
    if (outcome[v] == "applied" && v in found && found[v] != place[v]) wrong("elsewhere", v " at " found[v] ", acknowledged at " place[v])
    if ((outcome[v] == "notapplied" || outcome[v] == "burnt") && v in found) wrong("undead", v " at " found[v] " (" outcome[v] ")")
  }
  # From the end of the log to its beginning: whoever stands here must not have
  # begun after somebody ended who stands further on.
  earliest = ""
  for (i = many; i >= 1; i--) {
    v = order[i]
    if (earliest != "" && ended[earliest] + 0 < start[v] + 0) wrong("order", earliest " ended before " v " began, but stands behind it")
    if (v in ended && (earliest == "" || ended[v] + 0 < ended[earliest] + 0)) earliest = v
  }
}
'

# history_counts DIR sets ACKNOWLEDGED, REFUSED, UNKNOWN (of the calls), BURNT,
# LATER (unknown ones that turned out to be applied), OPEN and ERRORS.
history_counts() {
  local dir=$1
  read -r ACKNOWLEDGED REFUSED UNKNOWN ERRORS < <(awk -F '\t' '
    { n[$6]++ } END { print n["applied"] + 0, n["notapplied"] + 0, n["unknown"] + 0, n["error"] + 0 }' "$dir/history")
  read -r LATER BURNT OPEN < <(awk -F '\t' '
    { n[$2]++ } END { print n["applied"] + 0, n["burnt"] + 0, n["unknown"] + 0 }' "$dir/settled")
}

# history_pause DIR START END sets REPLY to the longest time in ms, of those
# between START and END, in which no write was answered with success.
history_pause() {
  REPLY=$(awk -F '\t' -v from="$2" -v to="$3" '$6 == "applied" && $5 + 0 >= from + 0 && $5 + 0 <= to + 0 { print $5 }' "$1/history" | sort -n |
    awk -v from="$2" -v to="$3" '
      BEGIN { last = from + 0 }
      { if ($1 - last > longest) longest = $1 - last; last = $1 + 0 }
      END { if (to - last > longest) longest = to - last; print longest + 0 }')
}

# history_failed DIR START END sets REPLY to how many calls that began or ended
# between these had no success.
history_failed() {
  REPLY=$(awk -F '\t' -v from="$2" -v to="$3" '$6 != "applied" && $5 + 0 >= from + 0 && $4 + 0 <= to + 0 { n++ } END { print n + 0 }' "$1/history")
}
