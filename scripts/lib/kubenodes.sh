# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153,SC2004 # names in capitals are shared with the files that source this one; BASE has names, not numbers
# Nodes on Kubernetes: which there are, and an address for each that leads from
# here to its pod. Nothing is ever run inside a pod. The ways, best first:
#
#   nodeport  the Service's port on 127.0.0.1 or on a node of the cluster, if the
#             right pod answers there: another cluster may own that port
#   proxy     one "kubectl proxy" of ours, and through it the API server
#   forward   a "kubectl port-forward" for each node
#
# A network policy may let the API server through to some nodes only: then those
# that it does not reach are forwarded to, and the others are not.
#
# The API server's proxy adds answers of its own to those of the nodes; what
# they mean for a write is at kube_asked_nothing.

KUBE=''         # not empty when Kubernetes was asked for
KUBE_CONTEXT='' # the context that was named, if one was
VIA=''          # the way that was named, if one was
PROXY=''        # what the addresses through the API server begin with
KUBE_NODES=''   # not empty when the nodes that were found are on Kubernetes
_PROXY_PID='' _FORWARDS=() _FORWARD_DIR=''
declare -gA NODEPORT=() # of a node, 0 for none
declare -gA ZERO=()     # not empty if its Deployment wants no pod

# pause SECONDS waits for what never comes; a signal ends it at once.
exec {_NEVER}<> <(:)
pause() {
  read -r -t "$1" -u "$_NEVER" || true
}

# kube_option OPTION VALUE takes one of the options that say where the nodes are.
kube_option() {
  json_show "${2::200}"
  case $1 in
    --context)
      [[ -n $2 && $2 != -* ]] || usage usage.context "$REPLY"
      KUBE_CONTEXT=$2
      ;;
    --via)
      [[ $2 =~ ^(nodeport|proxy|forward)$ ]] || usage usage.via "$REPLY"
      VIA=$2
      ;;
  esac
  KUBE=yes
}

# kubenodes_guess finds the nodes on Kubernetes if they are there, without a
# word if not.
kubenodes_guess() {
  kube_context "$KUBE_CONTEXT"
  command -v kubectl >/dev/null && kube_knows && _kube_list 2>/dev/null && ((${#NODES[@]} > 0)) && _kube_reach
}

# kubenodes_find finds them, and complains if they are not there.
kubenodes_find() {
  kube_context "$KUBE_CONTEXT"
  if command -v kubectl >/dev/null && ! kube_knows; then
    json_show "$CONTEXT"
    complain kube.nocontext "$REPLY"
    return 2
  fi
  kube_there || return 1
  _kube_list || { complain kubenodes.unlisted "$NAMESPACE" "$CONTEXT"; return 1; }
  ((${#NODES[@]} > 0)) || { complain kubenodes.empty "$NAMESPACE" "$CONTEXT"; return 1; }
  _kube_reach
}

# _kube_ask is kubectl for a question that must not hang.
_kube_ask() {
  kube --request-timeout=5s "$@"
}

# kube_pods prints a line for each pod of a node: the node, the pod, True if it
# is ready ("leaving" if it is about to go), and how often it was restarted.
kube_pods() {
  _kube_ask get pods -l role -o go-template='{{range .items}}{{.metadata.labels.app}} {{.metadata.name}} {{if .metadata.deletionTimestamp}}leaving{{else}}{{range .status.conditions}}{{if eq .type "Ready"}}{{.status}}{{end}}{{end}}{{end}} {{range .status.containerStatuses}}{{.restartCount}}{{end}}{{"\n"}}{{end}}'
}

# kube_local succeeds if the context is a cluster of this machine, as kind and
# minikube call them or say so: breaking one is nobody else's loss.
kube_local() {
  local known
  [[ $CONTEXT != kind-* && $CONTEXT != minikube ]] || return 0
  known=$(kubectl config view -o go-template='{{range .contexts}}{{.name}}|{{range .context.extensions}}{{with .extension.provider}}{{.}}{{end}}{{end}}{{"\n"}}{{end}}' 2>/dev/null) || return 1
  [[ $'\n'$known$'\n' == *$'\n'"$CONTEXT|minikube.sigs.k8s.io"$'\n'* ]]
}

# _kube_list fills in the nodes: one for each Service of a single node.
_kube_list() {
  local kind name role what out i most=0
  local -A numbers=()
  local template='{{range .items}}{{.kind}} {{.metadata.name}} {{.metadata.labels.role}} {{if eq .kind "Service"}}{{range .spec.ports}}{{if .name}}{{if eq .name "http"}}{{or .nodePort 0}}{{end}}{{end}}{{end}}{{else}}{{.spec.replicas}}{{end}}{{"\n"}}{{end}}'
  out=$(_kube_ask get services,deployments -l role -o go-template="$template") || return 1
  NODES=() ROLE=() NODEPORT=() ZERO=()
  while IFS=' ' read -r kind name role what; do
    [[ $role =~ ^(proposer|acceptor|learner|client)$ && $name =~ ^$role([1-9][0-9]{0,2})$ ]] || continue
    i=${BASH_REMATCH[1]}
    case $kind in
      Service)
        numbers[$role$i]=yes NODEPORT[$name]=0
        [[ ! $what =~ ^[0-9]{1,5}$ ]] || NODEPORT[$name]=$what
        ((i <= most)) || most=$i
        ;;
      Deployment) [[ $what != 0 ]] || ZERO[$name]=yes ;;
    esac
  done <<<"$out"
  for role in proposer acceptor learner client; do
    for ((i = 1; i <= most; i++)); do
      [[ -n ${numbers[$role$i]-} ]] || continue
      NODES+=("$role$i")
      ROLE[$role$i]=$role
    done
  done
}

# kube_zero asks again which Deployments want no pod, once a second at most:
# many nodes may have gone at once.
_ZERO_ASKED=''
kube_zero() {
  local name replicas out
  [[ -n $KUBE_NODES && $_ZERO_ASKED != "$SECONDS" ]] || return 0
  _ZERO_ASKED=$SECONDS
  out=$(kube --request-timeout=2s get deployments -l role \
    -o go-template='{{range .items}}{{.metadata.name}} {{.spec.replicas}}{{"\n"}}{{end}}' 2>/dev/null) || return 0
  ZERO=()
  while IFS=' ' read -r name replicas; do
    [[ $replicas != 0 ]] || ZERO[${name:-?}]=yes
  done <<<"$out"
}

# why_not NAME STATUS ANSWER is why, for a node whose pod may not be wanted.
why_not() {
  if [[ -n ${ZERO[$1]-} ]]; then
    JSON=()
    text kubenodes.zero
  else
    why "$2" "$3"
  fi
}

# _kube_reach gives every node an address, and says in a line which cluster
# this is and which ways are used.
_kube_reach() {
  local name
  local -A via=()
  local -a ways=()
  BASE=()
  if [[ $VIA != forward ]] && ! _kube_proxy; then
    [[ $VIA != proxy ]] || { complain kubenodes.noproxy "$CONTEXT"; return 1; }
  fi
  _kube_truth
  [[ $VIA == proxy || $VIA == forward ]] || _kube_nodeports
  _kube_walled
  if [[ $VIA == nodeport ]]; then
    ((${#BASE[@]} > 0)) || { complain kubenodes.noport "$CONTEXT"; return 1; }
    # Those that were not found stay where they would be.
    for name in "${NODES[@]}"; do
      BASE[$name]=${BASE[$name]:-http://127.0.0.1:${NODEPORT[$name]}}
      via[$name]=nodeport
    done
  fi
  for name in "${NODES[@]}"; do
    via[$name]=nodeport
    [[ -z ${BASE[$name]-} ]] || continue
    if [[ -n ${_WALLED[$name]-} ]] && _kube_forward "$name"; then
      via[$name]=forward
    elif [[ -n $PROXY ]]; then
      BASE[$name]=$PROXY/$name:http/proxy via[$name]=proxy
    else
      _kube_forward "$name" || { kubenodes_end; complain kubenodes.noforward "$name" "$CONTEXT"; return 1; }
      via[$name]=forward
    fi
  done
  [[ " ${via[*]} " == *' proxy '* ]] || _kube_noproxy
  for name in nodeport proxy forward; do
    [[ " ${via[*]} " != *" $name "* ]] || { text "kubenodes.$name"; ways+=("$REPLY"); }
  done
  KUBE_NODES=yes
  local IFS=+
  text kubenodes.used "$CONTEXT" "$NAMESPACE" "${ways[*]}"
  WHENCE=$REPLY
  printf '%s\n' "$WHENCE" >&2
}

# _kube_proxy starts the one proxy, which serves the nodes' Services and no
# other part of the API: every program of this machine can reach its port.
_kube_proxy() {
  local fd line
  exec {fd}< <(exec kubectl --context "$CONTEXT" proxy --port=0 --address=127.0.0.1 \
    --accept-paths="^/api/v1/namespaces/$NAMESPACE/services/[a-z0-9-]+:http/proxy/" 2>/dev/null)
  _PROXY_PID=$!
  IFS= read -r -t 10 -u "$fd" line || line=''
  exec {fd}<&-
  if [[ ! $line =~ 127\.0\.0\.1:([0-9]{1,5}) ]]; then
    _kube_noproxy
    return 1
  fi
  PROXY=http://127.0.0.1:${BASH_REMATCH[1]}/api/v1/namespaces/$NAMESPACE/services
}

_kube_noproxy() {
  [[ -z $_PROXY_PID ]] || kill "$_PROXY_PID" 2>/dev/null || true
  _PROXY_PID='' PROXY=''
}

# _kube_truth learns through the API server, which cannot be another cluster's,
# the nodes' cluster and which start of each runs, and which of them it does not
# reach. A proxy that we may not use is none.
_kube_truth() {
  local name refused=''
  _TRUE_CLUSTER='' _TRUE_START=() _UNHEARD=()
  [[ -n $PROXY ]] || return 0
  for name in "${NODES[@]}"; do BASE[$name]=$PROXY/$name:http/proxy; done
  fetch /health "${NODES[@]}"
  for name in "${NODES[@]}"; do
    [[ ${STATUSES[$name]} != 40[13] ]] || refused=yes
    if [[ ${STATUSES[$name]} == 000 ]]; then
      _UNHEARD[$name]=yes
    elif kube_said "${ANSWERS[$name]}" && [[ ${JSON[.code]-} == 50[0-9] && ${JSON[.message]-} != "$_NO_PODS"* ]]; then
      _UNHEARD[$name]=yes
    fi
    [[ ${STATUSES[$name]} == 200 ]] || continue
    if ! json_parse "${ANSWERS[$name]}" || [[ ${JSON[.node]-} != "$name" ]]; then continue; fi
    _TRUE_CLUSTER=${JSON[.cluster]:-$_TRUE_CLUSTER} _TRUE_START[$name]=${JSON[.start]-}
  done
  BASE=() TRIED=() HEARD=''
  [[ -z $refused || $VIA == proxy ]] || _kube_noproxy
}
declare -gA _TRUE_START=() _UNHEARD=() _WALLED=()
_TRUE_CLUSTER='' _NO_PODS='no endpoints available for service '

# _kube_walled finds, among the nodes without an address, those that the API
# server does not reach though their pods are ready. A forwarded port comes from
# the pod's own machine, which network policies do not keep out.
_kube_walled() {
  local name pod ready out=''
  _WALLED=()
  [[ $VIA != proxy && -n $PROXY ]] || return 0
  for name in "${!_UNHEARD[@]}"; do out+=${BASE[$name]-none}; done
  [[ $out == *none* ]] || return 0
  out=$(kube_pods 2>/dev/null) || return 0
  while IFS=' ' read -r name pod ready _; do
    [[ $ready != True || -z ${_UNHEARD[${name:-?}]-} ]] || _WALLED[$name]=yes
  done <<<"$out"
}

# _kube_nodeports gives addresses to the nodes that answer at their NodePort.
_kube_nodeports() {
  local host ips
  _kube_at 127.0.0.1
  ((${#BASE[@]} == 0)) || return 0
  ips=$(_kube_ask get nodes -o go-template='{{range .items}}{{range .status.addresses}}{{if eq .type "InternalIP"}}{{.address}}{{"\n"}}{{end}}{{end}}{{end}}' 2>/dev/null) || return 0
  while IFS= read -r host; do
    [[ $host =~ ^[0-9.]{7,15}$ || $host =~ ^[0-9a-f:]{2,39}$ ]] || continue
    [[ $host != *:* ]] || host="[$host]"
    _kube_at "$host"
    ((${#BASE[@]} == 0)) || return 0
  done <<<"$ips"
}

# _kube_at HOST asks at all NodePorts of a host. One that answers truly shows
# that the host is this cluster's; then a silent one is so, too.
_kube_at() {
  local name
  local -a asked=() silent=() good=()
  for name in "${NODES[@]}"; do
    [[ ${NODEPORT[$name]} == 0 ]] && continue
    asked+=("$name")
    BASE[$name]=http://$1:${NODEPORT[$name]}
  done
  ((${#asked[@]} > 0)) || return 0
  fetch /health "${asked[@]}"
  for name in "${asked[@]}"; do
    if [[ ${STATUSES[$name]} == 000 ]]; then
      silent+=("$name")
    elif _kube_true "$name"; then
      good+=("$name")
    fi
  done
  BASE=() TRIED=() HEARD=''
  ((${#good[@]} > 0)) || return 0
  for name in "${good[@]}"; do BASE[$name]=http://$1:${NODEPORT[$name]}; done
  for name in ${silent[@]+"${silent[@]}"}; do
    # One that the API server reaches, and we do not, is not reached this way.
    [[ -n ${_TRUE_START[$name]-} ]] || BASE[$name]=http://$1:${NODEPORT[$name]}
  done
}

# _kube_true NAME succeeds if what answered is that node, and of this cluster.
_kube_true() {
  [[ ${STATUSES[$1]} == 200 ]] || return 1
  json_parse "${ANSWERS[$1]}" || return 1
  [[ ${JSON[.node]-} == "$1" ]] || return 1
  if [[ -n ${_TRUE_START[$1]-} && ${JSON[.start]-} == "${_TRUE_START[$1]}" ]]; then return 0; fi
  if [[ -n $_TRUE_CLUSTER ]]; then
    [[ ${JSON[.cluster]-} == "$_TRUE_CLUSTER" ]]
  else
    # Nobody could be asked: then only whoever insists on this way gets it.
    [[ $VIA == nodeport && ${#_TRUE_START[@]} == 0 ]]
  fi
}

# _kube_forward NAME keeps a port of ours that leads to the node's pod. kubectl
# ends it with the pod, so it is started again, at the same port.
_kube_forward() {
  local name=$1 file port='' pid
  if [[ -n ${ZERO[$name]-} ]]; then
    BASE[$name]=http://127.0.0.1:0
    return 0
  fi
  [[ -n $_FORWARD_DIR ]] || _FORWARD_DIR=$(mktemp -d) || return 1
  file=$_FORWARD_DIR/$name
  _forward_loop "$name" "$file" </dev/null >/dev/null 2>&1 &
  pid=$!
  _FORWARDS+=("$pid")
  for _ in {1..100}; do
    [[ ! -r $file || ! $(<"$file") =~ 127\.0\.0\.1:([0-9]{1,5}) ]] || { port=${BASH_REMATCH[1]}; break; }
    kill -0 "$pid" 2>/dev/null || return 1
    pause 0.1
  done
  [[ -n $port ]] || return 1
  BASE[$name]=http://127.0.0.1:$port
}

_forward_loop() {
  local port='' child='' file=$2
  trap '[[ -z $child ]] || kill "$child"; exit 0' TERM
  trap - EXIT INT
  while :; do
    kubectl --context "$CONTEXT" --namespace "$NAMESPACE" port-forward --address=127.0.0.1 "service/$1" "$port:http" >"$file" &
    child=$!
    wait "$child" || true
    child=''
    if [[ -z $port ]]; then
      # It never was there: whoever waits for it is told so.
      [[ $(<"$file") =~ 127\.0\.0\.1:([0-9]{1,5}) ]] || exit 1
      port=${BASH_REMATCH[1]}
      file=/dev/null
    fi
    pause 1
  done
}

# kubenodes_end ends what was started here; it belongs into the trap for EXIT.
kubenodes_end() {
  local pid
  _kube_noproxy
  for pid in ${_FORWARDS[@]+"${_FORWARDS[@]}"}; do kill "$pid" 2>/dev/null || true; done
  _FORWARDS=()
  [[ -z $_FORWARD_DIR ]] || rm -rf -- "$_FORWARD_DIR"
  _FORWARD_DIR=''
}

# kube_said ANSWER succeeds if it is the API server that speaks, and not a
# node: then JSON has what it said.
kube_said() {
  [[ -n $PROXY && $1 == *'"kind":"Status"'* || -n $PROXY && $1 == *'"kind": "Status"'* ]] || return 1
  json_parse "$1" && [[ ${JSON[.kind]-} == Status && ${JSON[.apiVersion]-} == v1 ]]
}

# kube_asked_nothing ONCE, after kube_said, succeeds if the API server never got
# as far as to ask the node: there is none, or no connection to it, or we may
# not. Anything else it says of a request may be about one that the node has
# read. So may what it says of a connection, if ONCE is empty: a request with a
# key and no body is sent again by itself when a connection breaks (net/http),
# and then it is the second copy that had none.
kube_asked_nothing() {
  local message=${JSON[.message]-}
  case ${JSON[.code]-} in
    401 | 403 | 404 | 429) return 0 ;;
    503) [[ $message == "$_NO_PODS"* || -n $1 && $message == 'error trying to reach service: dial tcp '* ]] ;;
    *) return 1 ;;
  esac
}

# kube_key_fits KEY refuses a key that would become another on the way: the API
# server tidies paths up.
kube_key_fits() {
  [[ -n $PROXY && /$1/ =~ //|/\./|/\.\./ ]] || return 0
  complain kubenodes.key
  return 2
}
