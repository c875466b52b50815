#!/usr/bin/env bash
# Shows the protocol events of all nodes, or of some roles, as they happen and
# each once (--help). It needs bash 4.4 and curl, and sort; for a cluster on
# Kubernetes, kubectl.
#
# An event is known by its number, which counts from 1 since the node's start.
# So events are asked for behind the last number seen, and behind 0 once the
# node was started again. Whether it was is asked *after* the events, over the
# same curl: if the run is still the one it was before, they all came from it;
# if not, the answer is thrown away, and the new run is asked from 0 on.
set -euo pipefail

NAME=${0##*/}
LIB=$(CDPATH='' cd -- "${BASH_SOURCE[0]%/*}" 2>/dev/null && pwd)/lib
# shellcheck source=lib/json.sh
source "$LIB/json.sh"
# shellcheck source=lib/text.sh
source "$LIB/text.sh"
# shellcheck source=lib/nodes.sh
source "$LIB/nodes.sh"
# shellcheck source=lib/kube.sh
source "$LIB/kube.sh"
# shellcheck source=lib/kubenodes.sh
source "$LIB/kubenodes.sh"
# shellcheck source=lib/podlogs.sh
source "$LIB/podlogs.sh"

EXIT_ERROR=1 EXIT_USAGE=2
readonly EXIT_ERROR EXIT_USAGE

# What tells the story of a value and of an election. The rest (surveys and
# questions, hand-overs of answers, refusals) is for --verbose.
KINDS=prepare,promise,accept,accepted,nack,learn,chosen,applied,elected,stepped-down,standing,handover,rejected

PAGE=500 # events of a node asked for at once

ROLES=() INTERVAL=1 FOLLOW=yes LAST=100 VERBOSE='' LANGUAGE='' HELP=''

# What is known of each node.
declare -A RUN=()     # which run of it, '' before it first answered
declare -A SINCE=()   # number of the last event shown; '' to begin with the last ones
declare -A UPTIME=()  # of that run, in ms
declare -A GONE=()    # not empty while it does not answer
declare -A FIRST=()   # events up to here are known to be lost
declare -A MORE=()    # not empty when it has further events at once
declare -A QUIET=()   # not empty while only the last event's number is wanted
LINES=()              # what this look found, each with its time before it

usage() {
  complain "$@"
  exit "$EXIT_USAGE"
}

parse() {
  local option seconds='^([0-9]{1,5}|[0-9]{0,5}\.[0-9]{1,3})$'
  while (($# > 0)); do
    option=$1
    shift
    case $option in
      --proposers | --acceptors | --learners | --clients)
        option=${option#--}
        ROLES+=("${option%s}")
        continue
        ;;
      --no-follow) FOLLOW='' ;;
      --verbose) VERBOSE=yes ;;
      --kube) KUBE=yes ;;
      --kubectl-logs) KUBE=yes POD_LOGS=yes ;;
      -h | --help) HELP=yes ;;
      --interval=* | --last=* | --lang=* | --context=* | --via=*)
        set -- "${option%%=*}" "${option#*=}" "$@"
        continue
        ;;
      --interval | --last | --lang | --context | --via)
        (($# > 0)) || { text an.argument; usage usage.argument "$option" "$REPLY"; }
        json_show "${1::200}"
        case $option in
          --interval)
            [[ $1 =~ $seconds && $1 == *[1-9]* ]] || usage usage.seconds "$option" "$REPLY"
            INTERVAL=$1
            ;;
          --last)
            [[ $1 =~ ^[0-9]{1,4}$ ]] || usage usage.number "$option" "$REPLY"
            LAST=$((10#$1))
            ;;
          --lang) LANGUAGE=$1 ;;
          *) kube_option "$option" "$1" ;;
        esac
        shift
        ;;
      *)
        json_show "${option::200}"
        [[ $option == -* ]] || usage usage.stray "$REPLY"
        usage kube.option "$REPLY"
        ;;
    esac
  done
}

# begin NAME starts curl on a look at a node, and sets FD to where it answers:
# each body, and its status on a line that begins with #.
begin() {
  local base=${BASE[$1]} query
  local -a urls=()
  query="limit=$PAGE"
  [[ -n $VERBOSE ]] || query+="&kind=$KINDS"
  if [[ -z ${RUN[$1]} ]]; then
    urls+=(--url "$base/health")
  else
    if [[ -n ${SINCE[$1]} ]]; then
      query+="&since=${SINCE[$1]}"
    else
      query=${query/limit=$PAGE/limit=$((LAST > 0 ? LAST : 1))}
    fi
    urls+=(--url "$base/view-logs?$query" --url "$base/health")
  fi
  # Without the first answer the second is of no use, and a node that hangs
  # would make us wait twice.
  exec {FD}< <("${CURL[@]}" --fail-early -m "$LOOK_WAIT" -w '\n#%{http_code}\n' "${urls[@]}" </dev/null || true)
}

# finish NAME FD reads the answers and puts what is new into LINES.
finish() {
  local name=$1 fd=$2 out line events='' health='' status=000
  out=$(<"/dev/fd/$fd")
  exec {fd}<&-
  local IFS=$'\n'
  local -a lines=() bodies=()
  local -a statuses=()
  set -f
  # shellcheck disable=SC2206 # into lines
  lines=($out)
  set +f
  for line in ${lines[@]+"${lines[@]}"}; do
    if [[ $line == '#'* ]]; then
      statuses+=("${line#\#}")
      ((${#bodies[@]} == ${#statuses[@]})) || bodies+=('')
    elif ((${#bodies[@]} == ${#statuses[@]})); then
      bodies+=("$line")
    fi
  done
  IFS=' '
  for line in "${!statuses[@]}"; do
    status=${statuses[line]} health=${bodies[line]}
    [[ $status == 200 ]] || break
  done
  if [[ $status != 200 ]] || ! json_parse "$health" || [[ -z ${JSON[.started]-} ]]; then
    gone "$name" "$status" "$health"
    return
  fi
  ((${#bodies[@]} < 2)) || events=${bodies[0]}
  back "$name"
  if same_run "$name"; then
    take "$name" "$events"
  fi
}

# same_run NAME compares the health in JSON with the run that is known, and
# makes it the known one. "started" has whole seconds only, so a run that is
# younger than it was is another one too, whatever it says.
same_run() {
  local name=$1 run uptime=${JSON[.uptime_seconds]-0} whole part before
  run=${JSON[.started]}/${JSON[.disk_starts]-}
  whole=${uptime%%.*} part=
  [[ $uptime != *.* ]] || part=${uptime#*.}
  part=${part}000
  [[ $whole =~ ^[0-9]{1,12}$ && ${part::3} =~ ^[0-9]{3}$ ]] || whole=0 part=000
  uptime=$((10#$whole * 1000 + 10#${part::3}))
  before=${UPTIME[$name]} UPTIME[$name]=$uptime
  [[ $run != "${RUN[$name]}" ]] || ((uptime < before)) || return 0
  if [[ -n ${RUN[$name]} ]]; then
    remark "$name" 33 monitor.restarted "$name"
    SINCE[$name]=0
  fi
  RUN[$name]=$run FIRST[$name]=0 MORE[$name]=yes
  [[ -z $VERBOSE ]] || state "$name"
  return 1
}

# state NAME shows the node's inner state: it is in the health that was read.
state() {
  local key out=''
  for key in "${JSON_KEYS[@]}"; do
    [[ $key == .state.* ]] || continue
    json_get "$key"
    json_show "${key#.state.}=$REPLY"
    out+=" $REPLY"
  done
  now
  LINES+=("$REPLY $1 state$out")
}

# take NAME ANSWER puts the events of an answer into LINES. They are flat
# objects of words and numbers, in whose strings no quote is escaped, so they
# are cut at the quotes; that is much faster than reading them as any JSON.
take() {
  local name=$1 answer=$2 list key value after n i=1 count=0
  local number='' stamp='' kind='' rest='' IFS='"'
  local -a piece
  [[ $answer == *'"events":['* ]] || return 0
  list=${answer#*\"events\":\[}
  list=${list%%]*}
  lost "$name" "$answer"
  set -f
  # shellcheck disable=SC2206 # splitting is what is wanted
  piece=($list)
  set +f
  n=${#piece[@]}
  while ((i + 1 < n)); do
    key=${piece[i]} after=${piece[i + 1]}
    if [[ $after == : ]]; then
      value=${piece[i + 2]-} after=${piece[i + 3]-}
      i=$((i + 4))
    else
      value=${after#:}
      value=${value%%[,\}]*}
      i=$((i + 2))
    fi
    case $key in
      number) number=$value ;;
      time) stamp=${value//[!0-9TZ:.-]/} ;;
      node) ;;
      kind) kind=$value ;;
      *) rest+=" $key=$value" ;;
    esac
    [[ $after == *\}* ]] || continue
    count=$((count + 1))
    if [[ $number =~ ^[0-9]{1,18}$ ]]; then
      SINCE[$name]=$number
      json_show "$name $kind$rest"
      [[ $LAST == 0 && -n ${QUIET[$name]} ]] || LINES+=("${stamp:-?} $REPLY")
    fi
    number='' stamp='' kind='' rest=''
  done
  MORE[$name]=''
  if [[ -n ${SINCE[$name]} && $count -ge $PAGE ]]; then
    MORE[$name]=yes
  elif [[ $answer =~ \"last\":\"([0-9]{1,18})\" ]] && ((10#${BASH_REMATCH[1]} > ${SINCE[$name]:-0})); then
    # The node has looked further than the last event of the kinds we want.
    SINCE[$name]=$((10#${BASH_REMATCH[1]}))
  fi
  # From now on, whatever comes is new.
  SINCE[$name]=${SINCE[$name]:-0} QUIET[$name]=''
}

# lost NAME ANSWER says how many events behind the last one are gone. The same
# ones are reported gone again until newer ones are seen: FIRST remembers them.
lost() {
  local name=$1 known upto
  [[ $2 =~ \"lost\":\"([0-9]{1,18})\" && -n ${SINCE[$name]} ]] || return 0
  known=${FIRST[$name]} upto=$((SINCE[$name] + 10#${BASH_REMATCH[1]}))
  ((known >= SINCE[$name])) || known=${SINCE[$name]}
  ((upto > known)) || return 0
  remark "$name" 33 monitor.lost "$name" $((upto - known))
  FIRST[$name]=$upto
}

# now sets REPLY to this machine's time, written as the nodes write theirs.
now() {
  local TZ=UTC
  printf -v REPLY '%(%Y-%m-%dT%H:%M:%S)T.000000Z' -1
}

# remark NAME COLOUR TEXT… puts something that is no event among the events.
remark() {
  local colour=$2 stamp
  now
  stamp=$REPLY
  shift 2
  text "$@"
  paint "$colour" "$REPLY"
  LINES+=("$stamp - $REPLY")
}

gone() {
  local name=$1
  MORE[$name]=''
  [[ -z ${GONE[$name]} ]] || return 0
  GONE[$name]=yes
  kube_zero
  why_not "$name" "$2" "$3"
  remark "$name" 31 monitor.unreachable "$name" "${BASE[$name]#http://}" "$REPLY"
}

back() {
  [[ -n ${GONE[$1]} ]] || return 0
  GONE[$1]=''
  remark "$1" 32 monitor.back "$1"
}

# show prints LINES in the order of their times. Within a node that is the
# order of its numbers: sort is stable.
show() {
  local stamp name kind rest
  ((${#LINES[@]} > 0)) || return 0
  while IFS=' ' read -r stamp name kind rest; do
    stamp=${stamp#*T} stamp=${stamp%Z}
    if [[ $name == - ]]; then
      printf '%-15s %s %s\n' "$stamp" '---' "$kind${rest:+ $rest}"
      continue
    fi
    printf -v kind '%-12s' "$kind"
    case $kind in
      elected* | chosen* | applied*) paint 32 "$kind" ;;
      nack* | stepped-down* | rejected* | refused*) paint 31 "$kind" ;;
      prepare* | promise* | campaign*) paint 35 "$kind" ;;
      *) paint 36 "$kind" ;;
    esac
    printf '%-15s %-10s %s %s\n' "$stamp" "$name" "$REPLY" "$rest"
  done < <(printf '%s\n' "${LINES[@]}" | LC_ALL=C sort -s -k1,1)
  LINES=()
}

# look asks all the given nodes at once.
look() {
  local name FD
  local -A fds=()
  for name; do
    begin "$name"
    fds[$name]=$FD
  done
  for name; do
    finish "$name" "${fds[$name]}"
  done
  show
}

# look_all looks until nobody has more at once; a node under heavy load always
# has, so the others get their turn after a few times.
look_all() {
  local name
  local -a busy=("${FOUND[@]}")
  for _ in 1 2 3 4; do
    look "${busy[@]}"
    busy=()
    for name in "${FOUND[@]}"; do
      [[ -z ${MORE[$name]} ]] || busy+=("$name")
    done
    ((${#busy[@]} > 0)) || return 0
  done
}

main() {
  local name FOUND answered='' never
  if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    printf 'bash 4.4 or newer is needed; this is %s\n' "$BASH_VERSION" >&2
    exit "$EXIT_ERROR"
  fi
  text_settle "$@"
  parse "$@"
  if [[ -n $LANGUAGE ]] && ! text_language "$LANGUAGE"; then
    json_show "${LANGUAGE::200}"
    usage language.none "$REPLY"
  fi
  if [[ -n $HELP ]]; then
    say monitor.help "$NAME" "$KINDS"
    exit 0
  fi
  max_wait_checked
  command -v curl >/dev/null || { complain curl.missing; exit "$EXIT_ERROR"; }
  # The exit code says what ended it. The curls end by themselves, without
  # anybody to write to.
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'podlogs_end; kubenodes_end' EXIT
  nodes_find || exit
  ((${#ROLES[@]} > 0)) || ROLES=(proposer acceptor learner client)
  nodes_of "${ROLES[@]}"
  ((${#FOUND[@]} > 0)) || usage nodes.none "${ROLES[0]}" "${ROLES[0]^^}"
  for name in "${FOUND[@]}"; do
    RUN[$name]='' SINCE[$name]='' UPTIME[$name]=0 GONE[$name]='' FIRST[$name]=0 MORE[$name]='' QUIET[$name]=yes
  done
  colours_if 1
  look_all
  podlogs_look "$FOLLOW"
  for name in "${FOUND[@]}"; do
    tried "${BASE[$name]}"
    [[ -n ${GONE[$name]} ]] || answered=yes
  done
  [[ -n $answered ]] || nodes_silent
  if [[ -z $FOLLOW ]]; then
    [[ -n $answered ]] || exit "$EXIT_ERROR"
    exit 0
  fi
  complain monitor.following "${#FOUND[@]}" "$INTERVAL"
  # Waiting for what never comes, rather than a sleep: a signal ends it at once,
  # and no process is needed for it.
  exec {never}<> <(:)
  while :; do
    read -r -t "$INTERVAL" -u "$never" || true
    look_all
    podlogs_look yes
  done
}

main "$@"
