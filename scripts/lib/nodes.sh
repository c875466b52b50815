# shellcheck shell=bash
# shellcheck disable=SC2034 # what functions set here is for those who call them
# Where the nodes are, and how to ask them: curl is the only program used.
#
# Addresses come from the environment, one variable for each role:
#
#   PAXOS_PROPOSER_ADDRESSES="proposer1=127.0.0.1:3001 proposer2=127.0.0.1:3002"
#   PAXOS_ACCEPTOR_ADDRESSES, PAXOS_LEARNER_ADDRESSES, PAXOS_CLIENT_ADDRESSES
#
# Entries are separated by blanks, newlines or commas. An entry is
# name=address, or an address alone (named proposer1, proposer2… in order). An
# address is host:port, [ipv6]:port, or an http:// or https:// URL, which may
# have a path: http://127.0.0.1:8001/api/v1/namespaces/paxos/services/client1:6001/proxy.
# When one of the four is set, a role that is not set has no nodes: two clusters
# are never mixed. Clients alone may be in PAXOS_ENDPOINTS, where paxosctl looks
# for them. When none is set, paxosctl's variables count, which are called
# PAXOS_ENDPOINTS, PAXOS_PROPOSER_ENDPOINTS, PAXOS_ACCEPTOR_ENDPOINTS; without
# them the local cluster in the directory PAXOS_DATA or ./paxos-data, whose file
# "addresses" has a line name=host:port for each node; without that, Kubernetes,
# if kubectl knows the context of our cluster and its namespace has nodes
# (kubenodes.sh); without that, the usual ports of this machine.
#
# --kube, --context and --via ask for Kubernetes whatever else is set;
# PAXOS_CONTEXT does unless addresses are set.

# PAXOS_ACCEPTORS and PAXOS_LEARNERS are something else, and not used here:
# the nodes' own settings of who votes and who learns.

# PAXOS_MAX_WAIT is how many seconds a node may take beyond what it was asked to
# wait, before it counts as silent.

NODES=()             # names of all nodes, proposers first
declare -gA ROLE=()   # of a name
declare -gA BASE=()   # the URL that the paths are put behind
WHENCE=''             # who says so, for people

# nodes_find fills these in; it fails, with TEXT told, with 2 on an address that
# is none, and with 1 when a cluster is not there that was asked for.
nodes_find() {
  local role data=${PAXOS_DATA:-paxos-data}
  NODES=() ROLE=() BASE=() WHENCE=''
  if [[ -n $KUBE ]]; then
    kubenodes_find
    return
  fi
  local -A sources=() lists=()
  if [[ -n ${PAXOS_PROPOSER_ADDRESSES+x}${PAXOS_ACCEPTOR_ADDRESSES+x}${PAXOS_LEARNER_ADDRESSES+x}${PAXOS_CLIENT_ADDRESSES+x} ]]; then
    _nodes_named ADDRESSES
    [[ -n ${PAXOS_CLIENT_ADDRESSES+x} ]] || _nodes_endpoints
  elif [[ -n ${PAXOS_ENDPOINTS-} ]]; then
    _nodes_named ENDPOINTS
    _nodes_endpoints
  elif [[ -n ${PAXOS_CONTEXT-} ]]; then
    kubenodes_find
    return
  elif [[ -r $data/addresses ]]; then
    _nodes_kept "$data/addresses"
  elif kubenodes_guess; then
    return 0
  else
    NODES=() ROLE=() BASE=()
    # PAXOS_DATA alone may also be a node's own setting, of its directory: it
    # does not have to name a cluster's.
    _nodes_usual "$data"
  fi
  for role in proposer acceptor learner client; do
    _nodes_read "$role" "${sources[$role]}" "${lists[$role]}" || return 2
  done
}

# These fill in, for each role, the list of its nodes, and the variable (or the
# file) that says it.
_nodes_named() {
  local role name
  for role in proposer acceptor learner client; do
    name=PAXOS_${role^^}_$1
    sources[$role]=$name lists[$role]=${!name-}
    [[ -z ${!name-} ]] || WHENCE+="${WHENCE:+, }\$$name"
  done
}

_nodes_endpoints() {
  sources[client]=PAXOS_ENDPOINTS lists[client]=${PAXOS_ENDPOINTS-}
  [[ -z ${PAXOS_ENDPOINTS-} ]] || WHENCE+="${WHENCE:+, }\$PAXOS_ENDPOINTS"
}

_nodes_kept() {
  local role line
  for role in proposer acceptor learner client; do
    sources[$role]=$1 lists[$role]=''
  done
  while IFS= read -r line || [[ -n $line ]]; do
    for role in proposer acceptor learner client; do
      [[ $line != "$role"[0-9]* ]] || lists[$role]+=" $line"
    done
  done <"$1"
  WHENCE=$1
}

_nodes_usual() {
  local role i port=3000
  local -A many=([proposer]=3 [acceptor]=3 [learner]=2 [client]=2)
  for role in proposer acceptor learner client; do
    sources[$role]='' lists[$role]=''
    for ((i = 1; i <= many[$role]; i++)); do
      lists[$role]+=" $role$i=127.0.0.1:$((port + i))"
    done
    port=$((port + 1000))
  done
  json_show "$1/addresses"
  text nodes.usual "$REPLY"
  WHENCE=$REPLY
}

# nodes_silent says which addresses were tried, why those, and how to name
# others.
TRIED=()
nodes_silent() {
  local base list=''
  for base in ${TRIED[@]+"${TRIED[@]}"}; do list+="${list:+, }${base#http://}"; done
  complain nodes.silent "$list" "$WHENCE"
}

# tried BASE notes an address.
tried() {
  local base
  for base in ${TRIED[@]+"${TRIED[@]}"}; do
    [[ $base != "$1" ]] || return 0
  done
  TRIED+=("$1")
}

_nodes_read() {
  local role=$1 variable=$2 entry name address n=0
  local -a entries
  # No read -a: the list may have newlines. No unquoted splitting: it may have *.
  IFS=$' \t\n,' read -r -d '' -a entries <<<"$3" || true
  for entry in ${entries[@]+"${entries[@]}"}; do
    n=$((n + 1))
    name=$role$n address=$entry
    if [[ $entry =~ ^([A-Za-z0-9-]+)=(.*)$ ]]; then
      name=${BASH_REMATCH[1]} address=${BASH_REMATCH[2]}
    fi
    if ! _nodes_url "$address" || [[ ! $name =~ ^[A-Za-z0-9-]{1,63}$ ]]; then
      json_show "$entry"
      complain nodes.bad "$variable" "$REPLY"
      return 1
    fi
    if [[ -n ${ROLE[$name]-} ]]; then
      complain nodes.twice "$variable" "$name"
      return 1
    fi
    NODES+=("$name")
    ROLE[$name]=$role BASE[$name]=$REPLY
  done
}

_nodes_url() {
  local url='^https?://[][A-Za-z0-9._~%@:/+=,;-]+$'
  local plain='^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$'
  if [[ $1 =~ $plain ]]; then
    REPLY=http://$1
  elif [[ $1 =~ $url ]]; then
    REPLY=${1%/}
  else
    return 1
  fi
}

# nodes_of ROLE… sets FOUND to the names of the nodes of these roles.
nodes_of() {
  local name role
  FOUND=()
  for name in ${NODES[@]+"${NODES[@]}"}; do
    for role; do
      [[ ${ROLE[$name]} != "$role" ]] || FOUND+=("$name")
    done
  done
}

# -q: the user's ~/.curlrc is not ours. No proxy: nodes are near. -g: an
# address in brackets is no pattern.
CURL=(curl -q -s -g --path-as-is --noproxy '*' --connect-timeout 2)

# Looks at nodes wait less: whoever looks at all of them wants to know.
MAX_WAIT=15 LOOK_WAIT=5
if [[ ${PAXOS_MAX_WAIT-} =~ ^[1-9][0-9]{0,3}$ ]]; then
  MAX_WAIT=$PAXOS_MAX_WAIT
  ((LOOK_WAIT <= MAX_WAIT)) || LOOK_WAIT=$MAX_WAIT
fi

# max_wait_checked refuses a PAXOS_MAX_WAIT that is none.
max_wait_checked() {
  [[ -n ${PAXOS_MAX_WAIT-} && ! $PAXOS_MAX_WAIT =~ ^[1-9][0-9]{0,3}$ ]] || return 0
  json_show "${PAXOS_MAX_WAIT::200}"
  usage usage.maxwait "$REPLY"
}

# request SECONDS METHOD URL [HEADER…] asks, with BODY as the body if it is not
# empty, of the media type KIND (JSON if that is empty). It sets
#   STATUS   the HTTP status, 000 for none
#   ANSWER   what came back
#   FAILED   curl's exit code, 0 for none
#   REACHED  whether there was a connection: without one, nothing was asked.
#   HEARD    whether there was one to anybody so far
BODY='' KIND='' HEARD=''
request() {
  local seconds=$1 method=$2 url=$3 out rc=0 header last once=''
  local -a options=(-m "$seconds" -X "$method" -w '\n%{http_code} %{time_connect}')
  shift 3
  [[ $url =~ ^(https?://[^/]*) ]] && tried "${BASH_REMATCH[1]}"
  for header; do options+=(-H "$header"); done
  if [[ -n $BODY ]]; then
    # The body goes through a pipe, never on a command line: others can read
    # those, and they have an end.
    options+=(-H "Content-Type: ${KIND:-application/json}" -H 'Expect:' --data-binary @-)
    out=$(printf '%s' "$BODY" 2>/dev/null | "${CURL[@]}" "${options[@]}" --url "$url" || exit "${PIPESTATUS[1]}") || rc=$?
  else
    out=$("${CURL[@]}" "${options[@]}" --url "$url" </dev/null) || rc=$?
  fi
  FAILED=$rc ANSWER=${out%$'\n'*} last=${out##*$'\n'}
  STATUS=${last%% *} REACHED=yes
  [[ $STATUS =~ ^[0-9]{3}$ ]] || STATUS=000
  [[ ${last##* } == *[1-9]* ]] || REACHED=''
  ((FAILED != 0)) || REACHED=yes
  # A server on the way may answer without having asked anybody.
  [[ -z $BODY && $method != GET ]] || once=yes
  if kube_said "$ANSWER" && kube_asked_nothing "$once"; then REACHED=''; fi
  [[ -z $REACHED ]] || HEARD=yes
}

# fetch PATH NODE… asks all these nodes at once, and fills ANSWERS and STATUSES.
declare -gA ANSWERS=() STATUSES=()
fetch() {
  local path=$1 name out fd
  local -A fds=()
  shift
  ANSWERS=() STATUSES=()
  for name; do
    tried "${BASE[$name]}"
    exec {fd}< <("${CURL[@]}" -m "$LOOK_WAIT" -w '\n%{http_code}' --url "${BASE[$name]}$path" </dev/null || true)
    fds[$name]=$fd
  done
  for name; do
    fd=${fds[$name]}
    out=$(<"/dev/fd/$fd")
    exec {fd}<&-
    ANSWERS[$name]=${out%$'\n'*} STATUSES[$name]=${out##*$'\n'}
    [[ ${STATUSES[$name]} =~ ^[0-9]{3}$ ]] || STATUSES[$name]=000
    [[ ${STATUSES[$name]} == 000 ]] || kube_said "${ANSWERS[$name]}" || HEARD=yes
  done
}

# why STATUS ANSWER sets REPLY to what a person should read about an answer
# that is none: the node's own sentence, or what happened instead. JSON has the
# problem afterwards, if it was one.
why() {
  local detail hint
  if [[ $1 == 000 ]]; then
    JSON=()
    text http.none
  elif kube_said "$2"; then
    json_get .message || true
    json_plain "$REPLY"
    text kubenodes.said "$REPLY"
  elif json_parse "$2" && json_get .detail; then
    json_plain "$REPLY"
    detail=$REPLY
    json_get .hint || true
    json_plain "$REPLY"
    hint=$REPLY
    REPLY=$detail${hint:+ ($hint)}
  elif [[ $1 == 2* ]]; then
    text http.strange
  else
    JSON=()
    text http.status "$1"
  fi
}
