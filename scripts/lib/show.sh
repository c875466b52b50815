# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names in capitals are shared with the files that source this one
# What the cluster says of itself, for people. All text of a node passes
# through json_show: it may have come from anybody.

PAGE=100 # values asked for at once

# field PATH [DEFAULT] sets REPLY to what the parsed answer has there, fit to
# be shown.
field() {
  json_get "$1" || REPLY=${2--}
  [[ -n $REPLY ]] || REPLY=${2--}
  json_show "$REPLY"
}

# fields PATH… sets the list F to what is there.
fields() {
  local path
  F=()
  for path; do
    field "$path"
    F+=("$REPLY")
  done
}

# get NAME PATH asks a node; it says why, and returns the exit code, when there
# is no good answer.
get() {
  local BODY='' name=$1
  request "$(patience)" GET "${BASE[$name]}$2"
  if ((FAILED == 0)) && [[ $STATUS == 2* ]] && json_parse "$ANSWER"; then
    return 0
  fi
  ((FAILED == 0)) || STATUS=000
  why "$STATUS" "$ANSWER"
  printf '%s: %s\n' "$name" "$REPLY" >&2
  code_of "$STATUS"
}

# note prints what is about the answer and not the answer.
note() {
  if [[ -n $MENU ]]; then say "$@"; else complain "$@"; fi
}

show_values() {
  local name=$1 slot=${FROM:-1} position=0 shown=0 limit i query more='' learner count
  while :; do
    limit=$PAGE
    [[ -z $MENU ]] || limit=20
    [[ -z $LIMIT ]] || ((LIMIT - shown >= limit)) || limit=$((LIMIT - shown))
    ((limit > 0)) || break
    query="limit=$limit"
    # --slot waits for a slot; pages are read from a place on.
    if [[ -n $SLOT ]]; then
      query+="&slot=$SLOT"
      [[ -z $TIMEOUT ]] || query+="&timeout=${TIMEOUT}s"
    else
      query+="&from=$slot&position=$position"
    fi
    get "$name" "/read?$query" || {
      i=$?
      [[ ${JSON[.type]-} != urn:paxos:not-applied-yet ]] || i=$EXIT_NOT_FOUND
      return "$i"
    }
    for ((i = 0; i < limit; i++)); do
      json_get ".values.$i.slot" || break
      show_value "$i"
      shown=$((shown + 1))
    done
    field .learner
    learner=$REPLY
    field .count
    count=$REPLY
    json_get .more || true
    more=$REPLY
    # Values that come without an end to the page would be read for ever.
    [[ $more == true && $i != 0 && -z $SLOT ]] || break
    fields .next.slot .next.position
    slot=${F[0]} position=${F[1]}
    [[ -z $MENU ]] || { ask read.more && [[ -z $LINE ]]; } || break
  done
  [[ -n ${learner-} ]] || return 0
  if ((shown == 1)); then note read.end.one "$shown" "$count" "$learner"; else note read.end "$shown" "$count" "$learner"; fi
}

# show_value INDEX prints slot.position, a tab, and the value as a JSON string.
show_value() {
  local at value
  fields ".values.$1.slot" ".values.$1.position"
  at=${F[0]}.${F[1]}
  json_get ".values.$1.value" || true
  value=$REPLY
  if [[ -n $MENU ]] && ((${#value} > 400)); then
    # Cut before anything else: a cut may end in half an escape, which is
    # harmless, while a terminal full of one value is not.
    json_show "${value::300}"
    value=$REPLY
    text read.cut "${#value}"
    printf '%s\t"%s"%s\n' "$at" "$value" "$REPLY"
    return
  fi
  json_show "$value"
  printf '%s\t"%s"\n' "$at" "$REPLY"
}

show_responses() {
  local i
  get "$1" "/get-responses?limit=${LIMIT:-20}" || return
  if ! json_get .responses.0.learner; then
    say responses.none "$1"
    return
  fi
  say responses.head
  for ((i = 0; ; i++)); do
    json_get ".responses.$i.learner" || break
    fields ".responses.$i."{learner,status,slot,position,session,sequence}
    printf '%-11s %-11s %-11s %-17s %s\n' "${F[0]}" "${F[1]}" "${F[2]}.${F[3]}" "${F[4]}" "${F[5]}"
  done
}

show_clients() {
  local FOUND name
  nodes_of client
  fetch /livez ${FOUND[@]+"${FOUND[@]}"}
  list_nodes
}

# list_nodes numbers the nodes in FOUND, and says which do not answer.
list_nodes() {
  local i name
  for i in "${!FOUND[@]}"; do
    name=${FOUND[i]} REPLY=''
    [[ ${STATUSES[$name]} == 200 ]] || text status.unreachable
    [[ -z $REPLY ]] || paint 31 "$REPLY"
    printf '  %2d  %-11s %s %s\n' $((i + 1)) "$name" "${BASE[$name]#http://}" "$REPLY"
  done
}

show_status() {
  local key value
  get "$1" /health || return
  text status.address
  padded 22 "$REPLY"
  text status.line "$REPLY" "${BASE[$1]}"
  printf '%s\n' "$REPLY"
  # Whatever the node says of itself, in its own words and its own order.
  for key in "${JSON_KEYS[@]}"; do
    field "$key"
    value=$REPLY
    key=${key#.}
    json_show "${key#state.}"
    say status.line "$REPLY" "$value"
  done
}

# find_leader sets LEADER to the proposer that says that it leads, of several
# the one with the highest ballot, and RIVAL to another; empty for none.
find_leader() {
  local FOUND name number best=-1
  nodes_of proposer
  LEADER='' RIVAL=''
  fetch /leader ${FOUND[@]+"${FOUND[@]}"}
  for name in ${FOUND[@]+"${FOUND[@]}"}; do
    if [[ ${STATUSES[$name]} != 200 ]] || ! json_parse "${ANSWERS[$name]}"; then continue; fi
    number=${JSON[.ballot.number]-}
    if [[ ${JSON[.leading]-} != true || ! $number =~ ^[0-9]{1,18}$ ]]; then continue; fi
    if ((10#$number > best)); then
      RIVAL=$LEADER LEADER=$name best=$((10#$number))
    else
      RIVAL=$name
    fi
  done
}

show_leader() {
  local FOUND name leads acceptors
  nodes_of proposer
  ((${#FOUND[@]} > 0)) || usage nodes.none proposer PROPOSER
  find_leader
  say leader.head
  for name in "${FOUND[@]}"; do
    if [[ ${STATUSES[$name]} != 200 ]] || ! json_parse "${ANSWERS[$name]}"; then
      why_not "$name" "${STATUSES[$name]}" "${ANSWERS[$name]}"
      printf '%-11s %s\n' "$name" "$REPLY"
      continue
    fi
    fields .leading .phase .leader .ballot.number .ballot.proposer .acceptors_answering .acceptors_needed .chosen_watermark
    text no
    [[ ${F[0]} != true ]] || text yes
    padded 6 "$REPLY"
    leads=$REPLY
    text leader.acceptors "${F[5]}" "${F[6]}"
    acceptors=$REPLY
    printf '%-11s %s %-11s %-11s %-19s %-13s %s\n' "$name" "$leads" "${F[1]}" "${F[2]}" "${F[3]}.${F[4]}" "$acceptors" "${F[7]}"
  done
  tell_leader
}

# tell_leader says who find_leader found; nobody is an exit code of its own.
tell_leader() {
  if [[ -z $LEADER ]]; then
    text leader.none
    paint 31 "$REPLY"
    printf '%s\n' "$REPLY"
    return "$EXIT_NOT_APPLIED"
  fi
  text leader.yes "$LEADER" "${BASE[$LEADER]#http://}"
  paint 32 "$REPLY"
  printf '%s\n' "$REPLY"
  [[ -z $RIVAL ]] || say leader.two "$LEADER" "$RIVAL"
}

show_system() {
  local name status details colour good=0
  say system.head
  kube_zero
  fetch /health "${NODES[@]}"
  for name in "${NODES[@]}"; do
    colour=31
    if [[ ${STATUSES[$name]} != 200 ]] || ! json_parse "${ANSWERS[$name]}"; then
      why_not "$name" "${STATUSES[$name]}" "${ANSWERS[$name]}"
      details=$REPLY
      text status.unreachable
      status=$REPLY
    else
      good=$((good + 1))
      field .status
      status=$REPLY
      [[ $status == ok ]] && colour=32 || colour=33
      describe "${ROLE[$name]}"
      details=$REPLY
    fi
    padded 12 "$status"
    paint "$colour" "$REPLY"
    printf '%-11s %-11s %s %s\n' "$name" "${ROLE[$name]}" "$REPLY" "$details"
  done
  say system.sum "$good" "${#NODES[@]}"
  find_leader
  tell_leader || true
  ((good == ${#NODES[@]})) || return "$EXIT_ERROR"
}

# describe ROLE sets REPLY to what matters of a node's health: the API's own
# words, which are the same in every language.
describe() {
  local -a paths=()
  local path out=''
  case $1 in
    proposer) paths=(phase leader ballot.number acceptors_answering acceptors_needed chosen_watermark slots_in_flight) ;;
    acceptor) paths=(standing promise.number promise.proposer highest chosen_watermark floor) ;;
    learner) paths=(applied_watermark highest_slot_heard) ;;
    client) paths=(leader applied_watermark pending unknown) ;;
  esac
  for path in "${paths[@]}"; do
    field ".state.$path"
    [[ -z $REPLY ]] || out+=" $path=$REPLY"
  done
  if json_get .why && [[ -n $REPLY ]]; then
    json_plain "$REPLY"
    out+=" · $REPLY"
  fi
  REPLY=${out# }
}
