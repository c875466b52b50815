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
# When none of the four is set, it is the cluster of this machine; when one is,
# a role that is not set has no nodes: two clusters are never mixed.

# PAXOS_ACCEPTORS and PAXOS_LEARNERS are something else, and not used here:
# the nodes' own settings of who votes and who learns.

# PAXOS_MAX_WAIT is how many seconds a node may take beyond what it was asked to
# wait, before it counts as silent.

NODES=()             # names of all nodes, proposers first
declare -gA ROLE=()   # of a name
declare -gA BASE=()   # the URL that the paths are put behind

# nodes_find fills these in; it fails, with TEXT told, on an address that is none.
nodes_find() {
  local role variable list port=3000 i any=''
  local -A many=([proposer]=3 [acceptor]=3 [learner]=2 [client]=2)
  NODES=() ROLE=() BASE=()
  any=${PAXOS_PROPOSER_ADDRESSES+x}${PAXOS_ACCEPTOR_ADDRESSES+x}${PAXOS_LEARNER_ADDRESSES+x}${PAXOS_CLIENT_ADDRESSES+x}
  for role in proposer acceptor learner client; do
    variable=PAXOS_${role^^}_ADDRESSES
    list=${!variable-}
    if [[ -z $any ]]; then
      for ((i = 1; i <= many[$role]; i++)); do
        list+=" $role$i=127.0.0.1:$((port + i))"
      done
    fi
    port=$((port + 1000))
    _nodes_read "$role" "$variable" "$list" || return 1
  done
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

# request SECONDS METHOD URL [HEADER…] asks, with BODY as the body if it is not
# empty, of the media type KIND (JSON if that is empty). It sets
#   STATUS   the HTTP status, 000 for none
#   ANSWER   what came back
#   FAILED   curl's exit code, 0 for none
#   REACHED  whether there was a connection: without one, nothing was asked.
BODY='' KIND=''
request() {
  local seconds=$1 method=$2 url=$3 out rc=0 header last
  local -a options=(-m "$seconds" -X "$method" -w '\n%{http_code} %{time_connect}')
  shift 3
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
}

# fetch PATH NODE… asks all these nodes at once, and fills ANSWERS and STATUSES.
declare -gA ANSWERS=() STATUSES=()
fetch() {
  local path=$1 name out fd
  local -A fds=()
  shift
  ANSWERS=() STATUSES=()
  for name; do
    exec {fd}< <("${CURL[@]}" -m "$LOOK_WAIT" -w '\n%{http_code}' --url "${BASE[$name]}$path" </dev/null || true)
    fds[$name]=$fd
  done
  for name; do
    fd=${fds[$name]}
    out=$(<"/dev/fd/$fd")
    exec {fd}<&-
    ANSWERS[$name]=${out%$'\n'*} STATUSES[$name]=${out##*$'\n'}
    [[ ${STATUSES[$name]} =~ ^[0-9]{3}$ ]] || STATUSES[$name]=000
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
