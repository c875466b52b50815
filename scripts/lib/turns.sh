# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names in capitals are shared with the files that source this one
# Whose turn it is in an upgrade: what is down already comes first, since it has
# nothing to lose, and what runs is stopped only while the others can do without
# it. A new version that does not work then costs one node, and no quorum.

STAY=() # the Deployments whose pods stay as they are
DOWN=() # those that do not run, or never became ready
BACK=() # those that were scaled to zero, and come back
GO=()   # those that run, and must be stopped
LACK='' # why a node cannot be missed now

# What decides whether a pod is replaced.
# shellcheck disable=SC2016 # the template's own dollars
_TURN='{{define "one"}}{{.kind}}/{{.metadata.name}}|{{.spec.replicas}}|{{printf "%q" (print .spec.template)}}{{"\n"}}{{end}}{{if eq .kind "List"}}{{range .items}}{{template "one" .}}{{end}}{{else}}{{template "one" .}}{{end}}'

# turns NAME… sorts Deployments that are there already into STAY, DOWN and GO.
turns() {
  local name is was
  local -a FILES=()
  local -A live=() next=()
  STAY=() DOWN=() BACK=() GO=()
  (($# > 0)) || return 0
  files_of "$@"
  FILES=("${FILES[@]/#/--filename=}")
  lines_of live get "${FILES[@]}" --ignore-not-found -o "go-template=$_TURN" || return 1
  # The API server's own defaults are in its answer, as they are in what is there.
  lines_of next apply "${FILES[@]}" --dry-run=server -o "go-template=$_TURN" || { complain apply.failed; return 1; }
  look || { complain pending.silent "$CONTEXT"; return 1; }
  for name in "$@"; do
    was=${live[Deployment/$name]#*|} is=${next[Deployment/$name]#*|}
    [[ ${was%%|*} != 0 || ${is%%|*} == 0 ]] || BACK+=("$name")
    if [[ ${is#*|} == "${was#*|}" && (${is%%|*} != 0 || ${was%%|*} == 0) ]]; then
      STAY+=("$name")
    elif _down "$name"; then
      DOWN+=("$name")
    else
      GO+=("$name")
    fi
  done
}

# _down NAME succeeds if nothing is lost with what there is of a node.
_down() {
  [[ " ${IDLE[*]-} " != *" $1 "* ]] || return 0
  [[ " ${PENDING[*]-} " == *" $1 "* ]] || return 1
  # A pod may work that is not called ready.
  ! node_get "$1" /health || [[ ${JSON[.status]-} != ok ]]
}

# may_go NAME DEADLINE waits until a node can be missed; it fails, having told
# why, if it cannot.
may_go() {
  local role=${ROLES[$1]-}
  [[ $role == acceptor || $role == learner ]] || return 0
  while :; do
    if ! look; then
      text pending.silent "$CONTEXT"
      LACK=$REPLY
    elif "_spare_$role" "$1"; then
      progress_end
      return 0
    elif [[ -n ${OPT[--force]-} ]]; then
      progress_end
      complain turn.forced "$1" "$LACK"
      return 0
    fi
    text turn.waiting "$1" "$LACK"
    progress "$REPLY"
    ((SECONDS < $2)) || break
    sleep 1
  done
  progress_end
  complain turn.refused "$1" "$LACK"
  return 1
}

# _spare_acceptor NAME succeeds if every other acceptor votes, and the leader
# hears them all; or if this one does not vote, as before initialisation.
_spare_acceptor() {
  local name i=0 leader=''
  local -a others=()
  LACK=''
  if node_get "$1" /health && [[ ${JSON[.status]-} == waiting || ${JSON[.status]-} == mute ]]; then return 0; fi
  for name in "${DEPLOYED[@]}"; do
    [[ ${ROLES[$name]-} == proposer && " ${IDLE[*]-} " != *" $name "* ]] || continue
    if node_get "$name" /leader && [[ ${JSON[.leading]-} == true ]]; then
      leader=$name
      break
    fi
  done
  if [[ -z $leader ]]; then
    text turn.noleader
    LACK=$REPLY
    return 1
  fi
  while json_get ".acceptors.$i.node"; do
    json_show "$REPLY"
    name=$REPLY
    if [[ $name != "$1" ]]; then
      others+=("$name")
      [[ ${JSON[.acceptors.$i.answering]-} == true ]] || { text turn.unheard "$leader" "$name"; LACK+="${LACK:+, }$REPLY"; }
    fi
    i=$((i + 1))
  done
  ((i > 0)) || { text turn.noleader; LACK=$REPLY; return 1; }
  [[ -z $LACK ]] || return 1
  # A leader counts an acceptor for a moment longer than it hears it.
  for name in ${others[@]+"${others[@]}"}; do
    if ! node_get "$name" /health; then
      text run.silent
    else
      [[ ${JSON[.status]-} != ok ]] || continue
      json_show "${JSON[.status]-?}"
    fi
    LACK+="${LACK:+, }$name: $REPLY"
  done
  [[ -z $LACK ]]
}

# _spare_learner NAME succeeds if all other learners are ready, or this one is not.
_spare_learner() {
  local name
  LACK=''
  [[ " ${PENDING[*]-} ${IDLE[*]-} " != *" $1 "* ]] || return 0
  for name in "${DEPLOYED[@]}"; do
    [[ $name != "$1" && ${ROLES[$name]-} == learner ]] || continue
    if [[ " ${IDLE[*]-} " == *" $name "* ]]; then
      text run.idle
      LACK+="${LACK:+, }$name: $REPLY"
    elif [[ " ${PENDING[*]-} " == *" $name "* ]]; then
      LACK+="${LACK:+, }$name: ${WHY[$name]}"
    fi
  done
  [[ -z $LACK ]]
}
