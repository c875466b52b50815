# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names in capitals are shared with the files that source this one
# Sending a value, and telling truly what became of it. What a node did not
# deny for certain is unknown, and stays so until something settles it: a
# resend that is refused says nothing about the attempt before it.

# random_key sets REPLY to an idempotency key that nobody else draws.
random_key() {
  local word
  if [[ -r /proc/sys/kernel/random/uuid ]]; then
    IFS= read -r REPLY </proc/sys/kernel/random/uuid
    return
  fi
  # From bash 5.1 on; before, the variable is empty.
  REPLY=''
  for _ in 1 2 3 4; do
    word=${SRANDOM-}
    [[ -n $word ]] || break
    printf -v word '%08x' "$word"
    REPLY+=$word
  done
  if [[ ! $REPLY =~ ^[0-9a-f]{32}$ ]]; then
    REPLY=$(od -An -N16 -tx1 /dev/urandom 2>/dev/null) || REPLY=''
    REPLY=${REPLY//[!0-9a-f]/}
  fi
  [[ $REPLY =~ ^[0-9a-f]{32}$ ]]
}

send_value() {
  deliver "$1" send "$2"
}

# propose_value NAME VALUE asks who leads when the name is empty.
propose_value() {
  local name=$1
  if [[ -z $name ]]; then
    find_leader
    name=$LEADER
    if [[ -z $name ]]; then
      complain leader.none
      return "$EXIT_NOT_APPLIED"
    fi
  fi
  deliver "$name" propose "$2"
}

# deliver NAME VERB VALUE sends the value under one key until its fate is known
# or nobody wants to go on.
deliver() {
  local BODY='' KIND=''
  fits "$3" || return
  json_encode "$3" || { complain value.utf8; return "$EXIT_USAGE"; }
  BODY='{"value":'$REPLY'}'
  pursue "$1" POST "/$2" "$2"
}

# pursue NAME METHOD PATH VERB sends BODY likewise.
pursue() {
  local name=$1 method=$2 path=$3 verb=$4 key=$KEY code doubt='' query=''
  if [[ -z $key ]]; then
    random_key || { complain random.none; return "$EXIT_ERROR"; }
    key=$REPLY
  fi
  [[ -z $TIMEOUT ]] || query="?timeout=${TIMEOUT}s"
  while :; do
    request "$(patience)" "$method" "${BASE[$name]}$path$query" "Idempotency-Key: $key"
    code=0
    judge "$name" "$verb" "$key" "$doubt" || code=$?
    if ((code == EXIT_UNKNOWN)); then
      doubt=yes
      [[ -n $MENU ]] || break
      settle "$key" || break
    elif ((code == EXIT_NOT_APPLIED)) && follow "$name"; then
      name=$LEADER
    else
      break
    fi
  done
  return "$code"
}

fits() {
  local LC_ALL=C
  ((${#1} <= 4194304)) || { complain value.large "${#1}"; return "$EXIT_USAGE"; }
}

# patience prints how long curl waits: longer than the node says that it does.
patience() {
  printf '%s' "$((${TIMEOUT%%.*} + MAX_WAIT))"
}

# judge NAME VERB KEY DOUBT tells what the answer means, and returns the exit
# code for it. With doubt, an earlier attempt may still be applied.
judge() {
  local name=$1 verb=$2 key=$3 doubt=$4 reason type=''
  if ((FAILED == 0)) && [[ $STATUS == 2* ]] && placed; then
    local -A said=([propose]=send.chosen)
    text "${said[$verb]-send.applied}" "$SLOT_AT" "$POSITION_AT" "$key"
    paint 32 "$REPLY"
    printf '%s\n' "$REPLY"
    return 0
  fi
  why "$STATUS" "$ANSWER"
  reason=$REPLY
  if json_get .type; then type=$REPLY; fi
  if [[ -z $REACHED && $STATUS == 000 ]]; then
    text send.unreached "$name" "${BASE[$name]}"
  elif [[ -z $REACHED ]]; then
    text send.notapplied "$reason"
  elif [[ $type == urn:paxos:not-applied || $type == urn:paxos:not-leading || $type == urn:paxos:disk-full ]]; then
    text send.notapplied "$reason"
  elif [[ $STATUS == 4* && $FAILED == 0 ]]; then
    text send.refused "$name" "$reason"
    loud 31
    # Conflicts are about the key, and settle it; anything else refused the
    # request itself, which leaves an earlier one as it was.
    case $type in
      urn:paxos:burnt | urn:paxos:key-reused | urn:paxos:confirmed | urn:paxos:session_expired) return "$EXIT_CONFLICT" ;;
    esac
    [[ -z $doubt ]] || { complain send.again "$reason" "$key"; return "$EXIT_UNKNOWN"; }
    return "$EXIT_ERROR"
  else
    unknown "$reason" "$key" "$verb"
    return "$EXIT_UNKNOWN"
  fi
  if [[ -n $doubt ]]; then
    text send.again "$reason" "$key"
    loud 33
    return "$EXIT_UNKNOWN"
  fi
  loud 31
  return "$EXIT_NOT_APPLIED"
}

# placed finds where the value stands, in the answer of a client or a proposer.
placed() {
  json_parse "$ANSWER" || return 1
  SLOT_AT=${JSON[.slot]-${JSON[.placed.0.slot]-}}
  POSITION_AT=${JSON[.position]-${JSON[.placed.0.position]-}}
  [[ $SLOT_AT =~ ^[0-9]+$ && $POSITION_AT =~ ^[0-9]+$ ]]
}

unknown() {
  local -A words=([send]='send VALUE' [propose]='propose VALUE' [put]='put KEY VALUE' [delete]='delete KEY')
  text send.unknown "$1"
  loud 33
  [[ -n $MENU ]] || complain send.unknown.how "$NAME" "$2" "${words[$3]}" "/outcome/$2" "$NAME" "$2" "$NAME" "$2"
}

# settle KEY asks what to do about an unknown outcome; it succeeds when the
# value is to be sent again.
settle() {
  while :; do
    ask send.what || return 1
    case $LINE in
      r | R) return 0 ;;
      o | O) outcome_of "$CLIENT" "$1" || true ;;
      b | B) burn_of "$CLIENT" "$1" || true ;;
      '') return 1 ;;
    esac
  done
}

# follow NAME asks, in the menu, whether to go to the leader that this proposer
# named; it succeeds, with LEADER set, if so.
follow() {
  local type
  [[ -n $MENU ]] || return 1
  json_get .type || return 1
  type=$REPLY
  [[ $type == urn:paxos:not-leading ]] && json_get .leader || return 1
  # A name that is not on our own list leads nowhere, whatever the answer says.
  [[ $REPLY != "$1" && ${ROLE[${REPLY:-?}]-} == proposer ]] || return 1
  LEADER=$REPLY
  ask send.follow "$LEADER" && yes_said
}

# outcome_of CLIENT KEY and burn_of CLIENT KEY settle what is unknown.
outcome_of() {
  local BODY=''
  request "$(patience)" GET "${BASE[$1]}/outcome/$2"
  tell_outcome "$2" ''
}

burn_of() {
  local BODY=''
  request "$(patience)" DELETE "${BASE[$1]}/outcome/$2"
  tell_outcome "$2" yes
}

tell_outcome() {
  local key=$1 burnt=$2 status slot position
  if ((FAILED != 0)) || [[ $STATUS != 2* ]] || ! json_parse "$ANSWER" || ! json_get .status; then
    why "$STATUS" "$ANSWER"
    printf '%s\n' "$REPLY" >&2
    code_of "$STATUS"
    return
  fi
  json_show "$REPLY"
  status=$REPLY
  json_get .slot || true
  json_show "$REPLY"
  slot=$REPLY
  json_get .position || true
  json_show "$REPLY"
  position=$REPLY
  case $status in
    applied)
      say outcome.applied "$key" "$slot" "$position"
      # Somebody who wants it ruled out should notice that it was too late.
      [[ -z $burnt ]] || return "$EXIT_CONFLICT"
      ;;
    burnt)
      say outcome.burnt "$key"
      [[ -n $burnt ]] || return "$EXIT_CONFLICT"
      ;;
    not-seen)
      say outcome.not-seen "$key"
      return "$EXIT_NOT_FOUND"
      ;;
    *) say outcome.other "$key" "$status" ;;
  esac
}

# code_of STATUS returns the exit code of a question that failed.
code_of() {
  case $1 in
    000 | 502 | 503) return "$EXIT_NOT_APPLIED" ;;
    404) return "$EXIT_NOT_FOUND" ;;
    409 | 422) return "$EXIT_CONFLICT" ;;
    504) return "$EXIT_UNKNOWN" ;;
    *) return "$EXIT_ERROR" ;;
  esac
}
