# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names in capitals are shared with the files that source this one
# The drills of fault-test.sh: what is broken, what must stay true meanwhile, and
# how fast it heals. Everything that is broken is broken by kubectl, in one
# context and one namespace, and is put back by cluster_restore.

DRILLS=(acceptor quorum acceptors all leader)
declare -gA WANTED=()  # replicas of each node's Deployment before the drills
declare -gA CHANGED=() # not empty if we scaled it
declare -gA POD=() POD_READY=() RESTARTS=() # what pods_look saw
LASTING=600            # tenths of a second that something may take at all
FAULTS=0               # what did not hold
_DRILL=''              # the drill that is on

# tell_line TEXT… is a line of a drill's report.
tell_line() {
  text "$@"
  printf '  %s\n' "$REPLY"
}

# failed TEXT… is a line that says what did not hold, here and in what is kept.
failed() {
  FAULTS=$((FAULTS + 1))
  text "$@"
  printf '%s\t%s\n' "${_DRILL:--}" "${REPLY//$'\n'/ }" >>"$WORK/faults"
  paint 31 "$REPLY"
  printf '  %s\n' "$REPLY"
}

# seconds_of MS sets REPLY to the time as people read it.
seconds_of() {
  printf -v REPLY '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100))
}

# within BOUND MS WHAT… reports a time against its bound in seconds: over it is
# said, five times over it is a failure, as machines differ.
within() {
  local bound=$1 ms=$2 what took
  shift 2
  seconds_of "$ms"
  took=$REPLY
  text "$@"
  what=$REPLY
  if ((ms > bound * 5000)); then
    failed fault.toolong "$what" "$took" "$bound"
  elif ((ms > bound * 1000)); then
    text fault.over "$what" "$took" "$bound"
    paint 33 "$REPLY"
    printf '  %s\n' "$REPLY"
  else
    tell_line fault.within "$what" "$took" "$bound"
  fi
}

# pods_look learns each node's pod, whether it is ready, and how often each pod
# was restarted. A pod that is about to go is neither ready nor gone.
pods_look() {
  local node pod ready restarts out
  out=$(kube_pods) || return 1
  POD=() POD_READY=()
  while IFS=' ' read -r node pod ready restarts; do
    [[ -n $node && -n $pod ]] || continue
    POD[$node]+="$pod "
    [[ $ready != True ]] || POD_READY[$node]=$pod
    [[ ! $restarts =~ ^[0-9]+$ ]] || RESTARTS[$pod]=$restarts
  done <<<"$out"
}

# scale REPLICAS NODE…
scale() {
  local replicas=$1 name
  shift
  for name; do CHANGED[$name]=yes; done
  kube scale --replicas="$replicas" "${@/#/deployment/}" >/dev/null
}

# await_gone NODE… waits until these have no pod.
await_gone() {
  local name there i
  for ((i = 0; i < LASTING; i += 3)); do
    there=''
    if pods_look; then
      for name; do there+=${POD[$name]-}; done
      [[ -n $there ]] || return 0
    fi
    pause 0.3
  done
  failed fault.stays "${there% }"
  return 1
}

# await_ready NODE… waits until each of these has a ready pod, and not the one
# that OLD names. ELAPSED is how long that took, in ms.
OLD=''
await_ready() {
  local name missing='' i begun
  now_ms
  begun=$REPLY
  for ((i = 0; i < LASTING * 3; i += 3)); do
    if pods_look; then
      missing=''
      for name; do
        [[ -n ${POD_READY[$name]-} && ${POD_READY[$name]} != "$OLD" ]] || missing+="$name "
      done
      if [[ -z $missing ]]; then
        now_ms
        ELAPSED=$((REPLY - begun))
        return 0
      fi
    fi
    pause 0.3
  done
  failed fault.notready "${missing% }"
  return 1
}

# await_write BOUND BEGUN WHAT… waits until a write succeeds again, and reports
# how long it took since BEGUN.
await_write() {
  local i
  for ((i = 0; i < 300; i++)); do
    probe
    if [[ $OUTCOME == applied ]]; then
      now_ms
      within "$1" $((REPLY - $2)) "${@:3}"
      return 0
    fi
    pause 0.1
  done
  failed fault.nowrite
  return 1
}

# back NODE… scales up again, and reports how long it takes until pods are ready
# and then until a write succeeds.
back() {
  local took
  scale 1 "$@" || return 1
  await_ready "$@" || return 1
  seconds_of "$ELAPSED"
  tell_line fault.readyafter "$REPLY"
  now_ms
  await_write 10 "$REPLY" fault.writeagain
}

# drill NAME runs one, with its time, its longest pause, and its verdict.
drill() {
  local _DRILL=$1 name=$1 begun before=$FAULTS pause_ms code=0
  say "fault.drill.$name"
  now_ms
  begun=$REPLY
  "drill_$name" || code=$?
  ((code == 0 || FAULTS > before)) || failed fault.broke
  now_ms
  printf '%s\t%s\t%s\n' "$name" "$begun" "$REPLY" >>"$WORK/times"
  # Calls that are on their way now belong to this drill.
  pause 2
  calls_gather
  if [[ $name == acceptor ]]; then
    history_failed "$WORK" "$begun" "$(tail -n 1 "$WORK/times" | cut -f 3)"
    if ((REPLY > 0)); then failed fault.writesfailed "$REPLY"; else tell_line fault.nonefailed; fi
  fi
  history_pause "$WORK" "$begun" "$(tail -n 1 "$WORK/times" | cut -f 3)"
  seconds_of "$REPLY"
  pause_ms=$REPLY
  now_ms
  seconds_of $((REPLY - begun))
  if ((FAULTS > before)); then
    text fault.drill.failed "$name" "$REPLY" "$pause_ms"
    paint 31 "$REPLY"
  else
    text fault.drill.passed "$name" "$REPLY" "$pause_ms"
    paint 32 "$REPLY"
  fi
  printf '%s\n' "$REPLY"
  ((code == 0))
}

# drill_acceptor: one of them away must not fail a single write.
drill_acceptor() {
  local FOUND name slot begun i
  nodes_of acceptor
  name=${FOUND[0]}
  scale 0 "$name" && await_gone "$name" || return 1
  pause "$HOLD"
  scale 1 "$name" && await_ready "$name" || return 1
  now_ms
  begun=$REPLY
  for ((i = 0; i < 600; i++)); do
    ((i % 20 != 0)) || { probe; slot=${SLOT_AT:-${slot-}}; }
    request 2 GET "${BASE[$name]}/health"
    if [[ $STATUS == 200 && -n ${slot-} ]] && json_parse "$ANSWER" && [[ ${JSON[.state.standing]-} == member && ${JSON[.state.highest]-} =~ ^[0-9]+$ ]] &&
      ((JSON[.state.highest] >= slot)); then
      now_ms
      within 10 $((REPLY - begun)) fault.takespart "$name"
      return 0
    fi
    pause 0.1
  done
  failed fault.aside "$name"
  return 1
}

# drill_quorum and drill_acceptors: without a majority, answers come soon, say
# why, and nothing is restarted.
drill_quorum() {
  local FOUND
  nodes_of acceptor
  _without "${FOUND[@]::${#FOUND[@]} / 2 + 1}"
}

drill_acceptors() {
  local FOUND
  nodes_of acceptor
  _without "${FOUND[@]}"
}

_without() {
  local begun pod i noticed=''
  local -A before=()
  pods_look || return 1
  for pod in "${!RESTARTS[@]}"; do before[$pod]=${RESTARTS[$pod]}; done
  scale 0 "$@" && await_gone "$@" || return 1
  now_ms
  begun=$REPLY
  for ((i = 0; i < 100; i++)); do
    probe
    if [[ $OUTCOME == applied ]]; then
      failed fault.noquorum "$SLOT_AT"
      break
    fi
    if ((i == 0)); then
      within 2 "$TOOK" fault.answer "$STATUS" "$REASON"
      [[ $STATUS == 50[34] && -n $REASON ]] || failed fault.noreason "$STATUS"
    fi
    if [[ $STATUS == 503 && -n $REASON ]]; then
      now_ms
      within 5 $((REPLY - begun)) fault.noticed "$REASON"
      noticed=yes
      break
    fi
    pause 0.1
  done
  [[ -n $noticed ]] || failed fault.unnoticed
  pause "$HOLD"
  probe
  [[ $OUTCOME == notapplied && $STATUS == 503 && -n $REASON ]] || failed fault.noreason "$STATUS"
  within 2 "$TOOK" fault.answer "$STATUS" "$REASON"
  back "$@" || return 1
  pods_look || return 1
  for pod in "${!RESTARTS[@]}"; do
    ((RESTARTS[$pod] == ${before[$pod]:-0})) || failed fault.restarted "$pod"
  done
}

# drill_all: everything away and back; what was acknowledged is judged at the end.
drill_all() {
  scale 0 "${NODES[@]}" && await_gone "${NODES[@]}" || return 1
  pause "$HOLD"
  back "${NODES[@]}"
}

# leading sets LEADER and BALLOT to those of the proposer that leads under the
# highest ballot, above the one that is given; it fails if there is none.
leading() {
  local FOUND name number above=${1:--1}
  nodes_of proposer
  fetch /leader "${FOUND[@]}"
  LEADER='' BALLOT=$above
  for name in "${FOUND[@]}"; do
    if [[ ${STATUSES[$name]} != 200 ]] || ! json_parse "${ANSWERS[$name]}"; then continue; fi
    number=${JSON[.ballot.number]-}
    [[ ${JSON[.leading]-} == true && $number =~ ^[0-9]{1,18}$ ]] || continue
    ((10#$number <= BALLOT)) || LEADER=$name BALLOT=$((10#$number))
  done
  [[ -n $LEADER ]]
}

# drill_leader: the leader's pod dies without a word.
drill_leader() {
  local old pod begun i out LOOK_WAIT=1
  leading || { failed fault.noleader; return 1; }
  old=$LEADER
  pods_look || return 1
  pod=${POD_READY[$old]-}
  [[ -n $pod ]] || { failed fault.notready "$old"; return 1; }
  tell_line fault.leaderdies "$old" "$pod"
  now_ms
  begun=$REPLY
  # It always warns of what is wanted here.
  out=$(kube delete pod "$pod" --grace-period=0 --force --wait=false 2>&1) || { printf '%s\n' "$out" >&2; return 1; }
  i=$BALLOT
  while ! leading "$i"; do
    now_ms
    if ((REPLY - begun > 30000)); then
      failed fault.noleader
      return 1
    fi
    pause 0.05
  done
  now_ms
  within 3 $((REPLY - begun)) fault.newleader "$LEADER"
  await_write 5 "$begun" fault.writeafter || return 1
  OLD=$pod
  await_ready "$old" || { OLD=''; return 1; }
  OLD=''
  seconds_of "$ELAPSED"
  tell_line fault.readyafter "$REPLY"
}

# cluster_healthy checks, before anything is broken, that nothing is: else it
# complains of what it found, and fails.
cluster_healthy() {
  local name bad='' role FOUND replicas out
  for role in proposer acceptor learner client; do
    nodes_of "$role"
    ((${#FOUND[@]} > 0)) || { complain fault.norole "$role"; return 1; }
  done
  out=$(kube --request-timeout=5s get deployments -l role -o go-template='{{range .items}}{{.metadata.name}} {{.spec.replicas}}{{"\n"}}{{end}}') || return 1
  WANTED=()
  while IFS=' ' read -r name replicas; do
    WANTED[${name:-?}]=$replicas
  done <<<"$out"
  pods_look || return 1
  fetch /health "${NODES[@]}"
  for name in "${NODES[@]}"; do
    if [[ ${WANTED[$name]-} != 1 ]]; then
      text fault.replicas "${WANTED[$name]:-0}"
    elif [[ -z ${POD_READY[$name]-} ]]; then
      text fault.podnotready
    elif [[ ${STATUSES[$name]} != 200 ]] || ! json_parse "${ANSWERS[$name]}"; then
      why "${STATUSES[$name]}" "${ANSWERS[$name]}"
    elif [[ ${JSON[.status]-} != ok ]]; then
      json_plain "${JSON[.status]-}: ${JSON[.state.why]-}"
    else
      continue
    fi
    bad+=$'\n'"  $name: $REPLY"
  done
  leading || { text fault.noleader; bad+=$'\n'"  $REPLY"; }
  [[ -z $bad ]] || { complain fault.unhealthy "$CONTEXT" "$bad"; return 1; }
}

# cluster_restore scales everything that we scaled back to what it was. What did
# not let itself be scaled stays on the list, for another try.
cluster_restore() {
  local name code=0
  ((${#CHANGED[@]} > 0)) || return 0
  for name in "${!CHANGED[@]}"; do
    if kube --request-timeout=10s scale --replicas="${WANTED[$name]:-1}" "deployment/$name" >/dev/null; then
      unset -v "CHANGED[$name]"
    else
      complain fault.unrestored "$name" "$CONTEXT" "$NAMESPACE" "${WANTED[$name]:-1}" || true
      code=1
    fi
  done
  return "$code"
}
