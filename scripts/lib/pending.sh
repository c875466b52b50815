# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names in capitals are shared with the files that source this one
# Waiting for pods: what is not ready and why, a line that says so while it
# lasts, and everything that helps when it does not end.

DEPLOYED=()    # the Deployments that there are
PENDING=()  # those that are not ready yet
IDLE=()     # those that somebody scaled to zero
declare -gA WHY=()   # of those that are pending, in Kubernetes' own words
declare -gA ROLES=() # the role of each Deployment
TROUBLED=() # the pods to look at

_DEPLOYMENTS='{range .items[*]}{.metadata.name}|{.spec.template.metadata.labels.role}|{.spec.replicas}|{.metadata.generation}|{.status.observedGeneration}|{.status.replicas}|{.status.updatedReplicas}|{.status.readyReplicas}{"\n"}{end}'
_PODS='{{range .items}}{{.metadata.name}}|{{with .metadata.labels}}{{.app}}{{end}}|{{.status.phase}}|{{with .metadata.deletionTimestamp}}leaving{{end}}|{{range .status.containerStatuses}}{{.restartCount}}{{end}}|{{range .status.containerStatuses}}{{with .state}}{{with .waiting}}{{.reason}}{{end}}{{end}}{{end}}|{{range .status.conditions}}{{if eq .type "PodScheduled"}}{{with .message}}{{printf "%q" .}}{{end}}{{end}}{{end}}{{"\n"}}{{end}}'
_EVENTS='{{range .items}}{{.involvedObject.name}}|{{with .message}}{{printf "%q" .}}{{end}}{{"\n"}}{{end}}'

# look [NAME…] fills these in, for these Deployments or for all. It fails
# without an answer.
look() {
  local deployments pods='' events='' name role want generation seen have updated ready
  local -A wanted=()
  for name in "$@"; do wanted[$name]=yes; done
  DEPLOYED=() PENDING=() IDLE=() WHY=() TROUBLED=()
  deployments=$(kube get deployments --request-timeout=10s -o "jsonpath=$_DEPLOYMENTS") || return 1
  while IFS='|' read -r name role want generation seen have updated ready; do
    [[ -n $name ]] || continue
    (($# == 0)) || [[ -n ${wanted[$name]-} ]] || continue
    DEPLOYED+=("$name")
    ROLES[$name]=$role
    if ((${want:-1} == 0)); then
      IDLE+=("$name")
    elif ((${seen:-0} < ${generation:-0} || ${have:-0} != ${want:-1} || ${updated:-0} != ${want:-1} || ${ready:-0} != ${want:-1})); then
      PENDING+=("$name")
    fi
  done <<<"$deployments"
  ((${#PENDING[@]} > 0)) || return 0
  pods=$(kube get pods --request-timeout=10s -o "go-template=$_PODS") || return 1
  events=$(kube get events --field-selector type=Warning --request-timeout=10s -o "go-template=$_EVENTS" 2>/dev/null) || events=''
  for name in "${PENDING[@]}"; do
    _why "$name"
  done
}

# _why NAME, with pods and events, finds out what a Deployment waits for.
_why() {
  local pod app phase leaving restarts waiting message why=''
  while IFS='|' read -r pod app phase leaving restarts waiting message; do
    [[ $app == "$1" && -n $pod ]] || continue
    if [[ -n $leaving ]]; then
      [[ -n $why ]] || why=Terminating
      continue
    fi
    TROUBLED+=("$pod")
    why=${waiting:-$phase}
    [[ $phase != Running || -n $waiting ]] || why='Running, not ready'
    ((${restarts:-0} == 0)) || { text pending.restarts "$restarts"; why+=", $REPLY"; }
    # What was said of a pod that runs is over, and so is what its place was.
    if [[ -z $message && $why != Running* && $waiting != CrashLoopBackOff ]]; then
      _event "$pod"
      [[ -n $waiting && $REPLY == *'nodes are available'* ]] || message=$REPLY
    fi
    [[ -z $message ]] || { _sentence "$message"; why+=": $REPLY"; }
    break
  done <<<"$pods"
  if [[ -z $why ]]; then
    text pending.nopod
    why=$REPLY
    _event "$1-"
    [[ -z $REPLY ]] || { _sentence "$REPLY"; why+=": $REPLY"; }
  fi
  WHY[$1]=$why
}

# _event NAME sets REPLY to the last warning about what is called so, or so in
# its beginning.
_event() {
  local name message
  REPLY=''
  while IFS='|' read -r name message; do
    [[ $name != "$1"* || (-n $REPLY && $message == *'nodes are available'*) ]] || REPLY=$message
  done <<<"$events"
}

# _sentence QUOTED sets REPLY to what is between Go's quotes, in one short line.
_sentence() {
  REPLY=${1#\"}
  REPLY=${REPLY%\"}
  json_plain "$REPLY"
  ((${#REPLY} <= 80)) || REPLY=${REPLY::79}…
}

# progress TEXT shows the state of things: on a terminal one line, again and
# again; elsewhere a line for each change. AGE is put in front on terminals.
LAST_PROGRESS=''
progress() {
  local columns=${COLUMNS:-80} line
  if [[ -t 2 ]]; then
    line="[$SECONDS s] $1"
    printf '\r\e[K%s' "${line::columns - 1}" >&2
  elif [[ $1 != "$LAST_PROGRESS" ]]; then
    printf '%s\n' "$1" >&2
  fi
  LAST_PROGRESS=$1
}

progress_end() {
  [[ -z $LAST_PROGRESS || ! -t 2 ]] || printf '\r\e[K' >&2
  LAST_PROGRESS=''
}

# await_ready DEADLINE [NAME…] waits until these Deployments, or all, are ready;
# it fails, having told why, at DEADLINE (of SECONDS).
await_ready() {
  local deadline=$1 name list silent
  shift
  while :; do
    silent=''
    if ! look "$@"; then
      silent=yes
      text pending.silent "$CONTEXT"
      progress "$REPLY"
    elif ((${#PENDING[@]} == 0 && ${#DEPLOYED[@]} >= $#)); then
      progress_end
      return 0
    else
      list=''
      for name in ${PENDING[@]+"${PENDING[@]}"}; do list+="${list:+, }$name (${WHY[$name]})"; done
      text pending.line $((${#DEPLOYED[@]} - ${#IDLE[@]} - ${#PENDING[@]})) $((${#DEPLOYED[@]} - ${#IDLE[@]})) "$list"
      progress "$REPLY"
    fi
    ((SECONDS < deadline)) || break
    sleep 1
  done
  progress_end
  [[ -z $silent ]] || { complain pending.silent "$CONTEXT"; return 1; }
  complain pending.timeout "$SECONDS"
  postmortem
  return 1
}

# postmortem tells, to stderr, what is known about what is not ready.
postmortem() {
  local name pod lines
  {
    for name in ${PENDING[@]+"${PENDING[@]}"}; do
      say pending.item "$name" "${WHY[$name]}"
    done
    say pending.events "$NAMESPACE"
    kube get events --sort-by=.lastTimestamp --request-timeout=10s 2>&1 | tail -n 15 | harmless || true
    for pod in ${TROUBLED[@]+"${TROUBLED[@]}"}; do
      # What a container that is started again and again said last is in its
      # former life.
      lines=$({
        kube logs "$pod" --tail=15 --request-timeout=10s 2>&1 || true
        kube logs "$pod" --previous --tail=15 --request-timeout=10s 2>/dev/null || true
      } | harmless)
      [[ -n $lines ]] || continue
      say pending.logs "$pod"
      printf '%s\n' "$lines"
    done
    say pending.more "$CONTEXT" "$NAMESPACE"
  } >&2
}
