# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names in capitals are shared with the files that source this one
# Writers that send while things break, and what is needed to judge them: a line
# for each call (history.sh says which), what became of the unknown ones, and
# the log of every learner. All of it goes to files in the directory WORK.

RUN=''      # fault-…-, what all values of this run begin with
WRITING=()  # the writers' processes
_PROBES=0   # how many calls the script itself made, as writer 0

# now_ms sets REPLY to the time, in ms. All of a run comes from one of the two.
now_ms() {
  if [[ -n ${EPOCHREALTIME-} ]]; then
    # The mark before the fraction is the locale's.
    REPLY=${EPOCHREALTIME/[!0-9]/}
    REPLY=${REPLY::-3}
  else
    REPLY=$(date +%s%N)
    REPLY=${REPLY::-6}
  fi
}

# call WRITER NUMBER sends one value and writes down what came of it. It sets
# OUTCOME, REASON (of a refusal), TOOK (ms) and, if applied, SLOT_AT, POSITION_AT.
call() {
  local value=$RUN$1-$2 start end FOUND
  nodes_of client
  BODY='{"value":"'$value'"}' KIND=''
  now_ms
  start=$REPLY
  request 10 POST "${BASE[${FOUND[($1 + $2) % ${#FOUND[@]}]}]}/send" "Idempotency-Key: $value"
  now_ms
  end=$REPLY TOOK=$((REPLY - start))
  BODY=''
  outcome_now
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$value" "$value" "$start" "$end" "$OUTCOME" "$SLOT_AT" "$POSITION_AT" >>"$WORK/calls.$1"
}

# outcome_now sets OUTCOME to what the last answer says of its write. What is
# not denied for certain is unknown.
outcome_now() {
  local type=''
  REASON=''
  if ((FAILED == 0)) && [[ $STATUS == 2* ]] && placed && [[ ${JSON[.status]-} == applied ]]; then
    OUTCOME=applied
    return
  fi
  SLOT_AT='' POSITION_AT='' OUTCOME=unknown
  if [[ -z $REACHED ]]; then
    OUTCOME=notapplied
    return
  fi
  ((FAILED == 0)) && json_parse "$ANSWER" && json_get .type || return 0
  type=$REPLY
  json_get .detail || true
  json_plain "$REPLY"
  REASON=$REPLY
  case $type in
    urn:paxos:not-applied | urn:paxos:not-leading | urn:paxos:disk-full) OUTCOME=notapplied ;;
    urn:paxos:*) [[ $STATUS != 4* ]] || OUTCOME=error ;;
  esac
}

# probe is a call of the script itself.
probe() {
  _PROBES=$((_PROBES + 1))
  call 0 "$_PROBES"
}

# writers_start N
writers_start() {
  local i
  for ((i = 1; i <= $1; i++)); do
    : >"$WORK/calls.$i"
    _writer "$i" </dev/null &
    WRITING+=("$!")
  done
}

_writer() {
  local n=0
  # Whoever started this may be gone without a word.
  while [[ ! -e $WORK/stop ]] && kill -0 "$$" 2>/dev/null; do
    n=$((n + 1))
    call "$1" "$n"
    [[ $OUTCOME == applied ]] || pause 0.2
    pause 0.05
  done
}

# writers_stop lets every writer end its call, and waits for that.
writers_stop() {
  local pid
  : >"$WORK/stop"
  for pid in ${WRITING[@]+"${WRITING[@]}"}; do wait "$pid" || true; done
  WRITING=()
}

writers_kill() {
  local pid
  for pid in ${WRITING[@]+"${WRITING[@]}"}; do kill "$pid" 2>/dev/null || true; done
  WRITING=()
}

# calls_gather puts what all writers wrote down so far into one file.
calls_gather() {
  # A writer may be in the middle of a line.
  cat -- "$WORK"/calls.* | awk -F '\t' 'NF == 8' >"$WORK/history"
}

# settle_all asks what became of each call whose outcome is not known, and rules
# out those that nobody has seen: four at once, until a minute has passed.
settle_all() {
  local i until=$((SECONDS + 60))
  : >"$WORK/settled"
  for i in 0 1 2 3; do
    _settle "$i" "$until" >"$WORK/settling.$i" &
    WRITING+=("$!")
  done
  for i in "${WRITING[@]}"; do wait "$i" || true; done
  WRITING=()
  cat -- "$WORK"/settling.? >"$WORK/settled"
  rm -f -- "$WORK"/settling.?
}

# _settle PART UNTIL
_settle() {
  local part=$1 n=0 value key start end outcome rest status FOUND
  nodes_of client
  while IFS=$'\t' read -r _ value key start end outcome rest; do
    [[ $outcome == unknown || $outcome == error ]] || continue
    n=$((n + 1))
    ((n % 4 == part)) || continue
    status=unknown
    while ((SECONDS < $2)); do
      request 10 DELETE "${BASE[${FOUND[n % ${#FOUND[@]}]}]}/outcome/$key"
      if ((FAILED == 0)) && [[ $STATUS == 2* ]] && json_parse "$ANSWER"; then
        status=${JSON[.status]-}
        break
      fi
      pause 0.3
    done
    now_ms
    case $status in
      applied) printf '%s\tapplied\t%s\t%s\t%s\n' "$key" "${JSON[.slot]-}" "${JSON[.position]-}" "$REPLY" ;;
      burnt) printf '%s\tburnt\t\t\t%s\n' "$key" "$REPLY" ;;
      *) printf '%s\tunknown\t\t\t%s\n' "$key" "$REPLY" ;;
    esac
  done <"$WORK/history"
}

# logs_end sets REPLY to a slot behind everything that was sent: that in which a
# key is burnt that nobody used.
logs_end() {
  local i FOUND
  nodes_of client
  for ((i = 0; i < 50; i++)); do
    request 10 DELETE "${BASE[${FOUND[i % ${#FOUND[@]}]}]}/outcome/${RUN}end"
    if ((FAILED == 0)) && [[ $STATUS == 2* ]] && json_parse "$ANSWER" && [[ ${JSON[.slot]-} =~ ^[0-9]+$ ]]; then
      REPLY=${JSON[.slot]}
      return 0
    fi
    pause 0.5
  done
  return 1
}

# logs_read FROM TO reads all learners' logs from one slot to another. A log
# that cannot be read to its end has no last line.
logs_read() {
  local name FOUND
  nodes_of learner
  for name in "${FOUND[@]}"; do
    : >"$WORK/log.$name"
    _log_read "$name" "$1" "$2" >>"$WORK/log.$name" || complain fault.unread "$name" "$REPLY"
  done
}

_log_read() {
  local slot=$2 position=0 i next='"more":(true|false),"next":\{"slot":"([0-9]+)","position":([0-9]+)\}'
  # A learner may be behind; it says when it is not.
  for ((i = 0; ; i++)); do
    request 15 GET "${BASE[$1]}/get-values?slot=$3&limit=1&timeout=10s"
    [[ $STATUS != 200 || $FAILED != 0 ]] || break
    ((i < 5)) || { why "$STATUS" "$ANSWER"; return 1; }
    pause 1
  done
  while :; do
    request 15 GET "${BASE[$1]}/get-values?limit=500&from=$slot&position=$position"
    [[ $STATUS == 200 && $FAILED == 0 && $ANSWER =~ $next ]] || { why "$STATUS" "$ANSWER"; return 1; }
    i=${BASH_REMATCH[1]} slot=${BASH_REMATCH[2]} position=${BASH_REMATCH[3]}
    printf '%s\n' "$ANSWER" | LC_ALL=C awk -v last="$3" "$_VALUES" || { why 200 ''; return 1; }
    [[ $i == true ]] || break
    ((slot <= $3)) || break
  done
  printf 'end\t%s\n' "$3"
}

# Values as they stand in the answer. No string in JSON has a bare quote inside,
# so what looks like the beginning of an entry is one.
# shellcheck disable=SC2016 # awk's, not ours
_VALUES='{
  n = split($0, part, /[{]"slot":"/)
  for (i = 2; i <= n; i++) {
    if (!match(part[i], /^[0-9]+","position":[0-9]+,"value":"/)) continue
    rest = substr(part[i], RLENGTH + 1)
    split(part[i], number, /[^0-9]+/)
    if (!match(rest, /^([^"\\]|\\.)*"/)) exit 1
    if (number[1] + 0 <= last + 0) printf "%s\t%s\t%s\n", number[1], number[2], substr(rest, 1, RLENGTH - 1)
  }
}'
