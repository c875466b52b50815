# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names in capitals are shared with the files that source this one
# The network of the nodes: initialised once, led by somebody, healthy, and
# where it can be reached.

LEADER=''
ROWS=()             # of the table of nodes
UNWELL=()           # the nodes that are not healthy
declare -gA START=() # of each node that answered: which of its lives this is

# of_role ROLE sets FOUND to the nodes of a role that are not scaled to zero.
of_role() {
  local name
  FOUND=()
  for name in ${DEPLOYED[@]+"${DEPLOYED[@]}"}; do
    [[ ${ROLES[$name]-} != "$1" || " ${IDLE[*]-} " == *" $name "* ]] || FOUND+=("$name")
  done
}

# initialise DEADLINE asks for the network to be made, until it is.
initialise() {
  local why='' progress
  local -a FOUND
  of_role acceptor
  ((${#FOUND[@]} > 0)) || { complain run.noacceptor; return 1; }
  while :; do
    # Any acceptor takes it, and an empty body is all that it takes.
    if node_ask POST "${FOUND[0]}" /init 10 && json_parse "$ANSWER"; then
      json_get .progress || REPLY=''
      progress=$REPLY
      case $progress in
        done | already)
          progress_end
          json_get .current || REPLY=''
          json_show "$REPLY"
          say "run.init.$progress" "$REPLY"
          return 0
          ;;
        forming)
          _list .waiting
          text run.init.forming "$REPLY"
          why=$REPLY
          ;;
        *)
          json_show "$progress"
          text run.init.strange "$REPLY"
          why=$REPLY
          ;;
      esac
    else
      json_show "${SAID:-${ANSWER::300}}"
      text run.init.refused "${FOUND[0]}" "$REPLY"
      why=$REPLY
      # Status 409 is a refusal, and stays one. Neither kubectl nor curl shows what
      # came with it; what the acceptors say of themselves tells why.
      [[ $SAID != *'reported a conflict'* && $SAID != *'returned error: 409'* ]] || break
    fi
    progress "$why"
    ((SECONDS < $1)) || break
    sleep 1
  done
  progress_end
  complain run.init.failed "$why"
  health || true
  show_nodes >&2
  return 1
}

# _list PATH sets REPLY to the elements of a list of texts.
_list() {
  local i=0 list=''
  while json_get "$1.$i"; do
    list+="${list:+, }$REPLY"
    i=$((i + 1))
  done
  json_show "$list"
}

# await_leader DEADLINE sets LEADER to the proposer that says that it leads.
await_leader() {
  local name said
  local -a FOUND
  of_role proposer
  ((${#FOUND[@]} > 0)) || { complain run.noproposer; return 1; }
  while :; do
    said=''
    for name in "${FOUND[@]}"; do
      if ! node_get "$name" /leader; then
        said+="${said:+, }$name: –"
        continue
      fi
      if [[ ${JSON[.leading]-} == true ]]; then
        LEADER=$name
        progress_end
        return 0
      fi
      json_show "${JSON[.phase]-?} ${JSON[.acceptors_answering]-?}/${JSON[.acceptors_needed]-?}"
      said+="${said:+, }$name: $REPLY"
    done
    text run.leader.waiting "$said"
    progress "$REPLY"
    ((SECONDS < $1)) || break
    sleep 1
  done
  progress_end
  complain run.leader.none "$said"
  return 1
}

# health asks every node how it is; it fails unless all are well. A node that
# was scaled to zero is shown, and is nobody's fault.
health() {
  local name status why
  ROWS=() UNWELL=() START=()
  for name in "${DEPLOYED[@]}"; do
    why=''
    if [[ " ${IDLE[*]-} " == *" $name "* ]]; then
      text run.idle
      ROWS+=("$name|${ROLES[$name]}|-|$REPLY")
      continue
    fi
    if node_get "$name" /health; then
      json_show "${JSON[.status]-?}"
      status=$REPLY
      START[$name]=${JSON[.start]-}
      json_plain "${JSON[.why]-${JSON[.state.why]-}}"
      why=$REPLY
    else
      text run.silent
      status=$REPLY
    fi
    [[ $status == ok ]] || UNWELL+=("$name: $status${why:+ ($why)}")
    ROWS+=("$name|${ROLES[$name]}|$status|$why")
  done
  ((${#UNWELL[@]} == 0))
}

# await_health DEADLINE waits until all nodes are well.
await_health() {
  local list name
  while ! health; do
    list=''
    for name in "${UNWELL[@]}"; do list+="${list:+, }$name"; done
    text run.health.waiting "$list"
    progress "$REPLY"
    ((SECONDS < $1)) || { progress_end; return 1; }
    sleep 1
  done
  progress_end
}

show_nodes() {
  local row name role status detail
  say run.head
  for row in ${ROWS[@]+"${ROWS[@]}"}; do
    IFS='|' read -r name role status detail <<<"$row"
    [[ $name != "$LEADER" ]] || { text run.leads; detail="$REPLY${detail:+ · $detail}"; }
    [[ -z ${ADDRESS[$name]-} ]] || detail="${ADDRESS[$name]}${detail:+ · $detail}"
    printf '%-12s%-10s%-9s%s\n' "$name" "$role" "$status" "$detail"
  done
}

# addresses fills in ADDRESS: the NodePort on this machine if the very same life
# of the node answers there, else that on a node of the cluster. Another cluster
# may well own the port. WAY is nodeport, or none when some node has no address.
declare -gA ADDRESS=()
WAY=''
addresses() {
  local ports name port host
  local -a hosts=(127.0.0.1)
  ADDRESS=() WAY=none
  command -v curl >/dev/null || return 0
  ports=$(kube get services --request-timeout=10s -o 'jsonpath={range .items[*]}{.metadata.name}|{.spec.ports[?(@.name=="http")].nodePort}{"\n"}{end}') || return 0
  while IFS= read -r host; do
    [[ ! $host =~ ^[0-9.]+$ ]] || hosts+=("$host")
  done < <(kube_wide get nodes --request-timeout=10s -o 'jsonpath={range .items[*]}{.status.addresses[?(@.type=="InternalIP")].address}{"\n"}{end}' 2>/dev/null)
  while IFS='|' read -r name port; do
    [[ -n $name && -n ${START[$name]-} && $port =~ ^[0-9]{1,5}$ ]] || continue
    for host in "${hosts[@]}"; do
      _same "$name" "http://$host:$port" || continue
      ADDRESS[$name]=$host:$port
      # What one node is reached by, all are.
      hosts=("$host")
      WAY=nodeport
      break
    done
    # A port that leads nowhere at the first node costs seconds at every other.
    [[ $WAY == nodeport ]] || break
  done <<<"$ports"
}

_same() {
  local answer
  answer=$(curl --silent --noproxy '*' --max-time 2 "$2/health" 2>/dev/null) || return 1
  json_parse "$answer" && [[ ${JSON[.node]-} == "$1" && ${JSON[.start]-} == "${START[$1]}" ]]
}
