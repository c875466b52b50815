# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names in capitals are shared with the files that source this one
# The pods' own logs beside the protocol's events: one "kubectl logs" for each
# pod of the nodes that are shown. Each line is marked, and made safe for the
# terminal. What was lost with a connection may come twice rather than never.

POD_LOGS=''           # not empty when they are wanted
declare -gA _POD_PID=()  # of a run of a pod (its name / its restarts): its kubectl
declare -gA _POD_SEEN=() # when that was last seen alive, in seconds of this script
_PODS_LOOKED=-9 _PODS_BEGUN=''

# podlogs_look FOLLOW follows the logs of pods that are new, or shows what there
# is of them if that is empty. It looks every two seconds at most.
podlogs_look() {
  local pod node restarts out run template
  local -A there=()
  [[ -n $POD_LOGS ]] && ((SECONDS - _PODS_LOOKED >= 2)) || return 0
  _PODS_LOOKED=$SECONDS
  template='{{range .items}}{{.metadata.name}} {{.metadata.labels.app}} {{range .status.containerStatuses}}{{if .state.running}}{{.restartCount}}{{end}}{{end}}{{"\n"}}{{end}}'
  out=$(_kube_ask get pods -l role -o go-template="$template" 2>/dev/null) || return 0
  while IFS=' ' read -r pod node restarts; do
    # What has not started has no log yet; what is not shown has none here.
    [[ $restarts =~ ^[0-9]+$ && $pod =~ ^[a-z0-9][a-z0-9.-]*$ && " ${FOUND[*]} " == *" ${node:-?} "* ]] || continue
    run=$pod/$restarts
    there[$run]=yes
    if [[ -z ${_POD_PID[$run]-} ]]; then
      _podlog "$run" "$node" "$1" "--tail=$LAST"
    elif kill -0 "${_POD_PID[$run]}" 2>/dev/null; then
      _POD_SEEN[$run]=$SECONDS
    else
      # The same container goes on: it was the connection that ended.
      _podlog "$run" "$node" "$1" "--since=$((SECONDS - _POD_SEEN[$run] + 1))s"
    fi
  done <<<"$out"
  # The number of a process that has ended may become another one's.
  for run in "${!_POD_PID[@]}"; do
    [[ -n ${there[$run]-} ]] || kill -0 "${_POD_PID[$run]}" 2>/dev/null || unset -v "_POD_PID[$run]"
  done
  _PODS_BEGUN=yes
}

# _podlog RUN NODE FOLLOW HOW-MUCH
_podlog() {
  local fd
  local -a options=(--prefix --timestamps "$4")
  # What a pod that came later has to say is all new.
  [[ -z $_PODS_BEGUN || $4 != --tail=* ]] || options=(--prefix --timestamps)
  if [[ -z $3 ]]; then
    kube logs "${options[@]}" "${1%/*}" 2>/dev/null </dev/null | _podlog_lines "$2" || true
    _POD_PID[$1]=none
    return
  fi
  exec {fd}< <(exec kubectl --context "$CONTEXT" --namespace "$NAMESPACE" logs -f "${options[@]}" "${1%/*}" 2>/dev/null </dev/null)
  _POD_PID[$1]=$! _POD_SEEN[$1]=$SECONDS
  _podlog_lines "$2" <&"$fd" &
  exec {fd}<&-
}

# _podlog_lines NODE marks lines: [pod/NAME/CONTAINER] TIME TEXT.
_podlog_lines() {
  local line stamp pod mark
  trap - EXIT
  text monitor.log
  printf -v mark '%-12s' "$REPLY"
  paint 34 "$mark"
  mark=$REPLY
  while IFS= read -r line || [[ -n $line ]]; do
    pod='' stamp=''
    if [[ $line =~ ^\[pod/([a-z0-9.-]+)/[a-z0-9.-]+\]\ (.*)$ ]]; then
      pod=${BASH_REMATCH[1]} line=${BASH_REMATCH[2]}
    fi
    if [[ $line =~ ^[0-9-]{10}T([0-9:]{8})(\.[0-9]+)?Z?\ ?(.*)$ ]]; then
      stamp=${BASH_REMATCH[2]#.}000000 stamp=${BASH_REMATCH[1]}.${stamp::6} line=${BASH_REMATCH[3]}
    fi
    json_show "${line::4000}"
    printf '%-15s %-10s %s %s| %s\n' "$stamp" "$1" "$mark" "${pod:+$pod }" "$REPLY"
  done
}

# podlogs_end ends what was started here.
podlogs_end() {
  local pid
  for pid in ${_POD_PID[@]+"${_POD_PID[@]}"}; do
    [[ $pid == none ]] || kill "$pid" 2>/dev/null || true
  done
}
