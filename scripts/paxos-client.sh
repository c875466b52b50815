#!/usr/bin/env bash
# The interactive menu of the cluster's users, and the same as a command:
#
#   paxos-client.sh                 the menu
#   paxos-client.sh send VALUE      one choice (--help lists them)
#
# It needs bash 4.4 and curl, and for a cluster on Kubernetes kubectl. What users type is data from end to end: it never
# becomes part of a command line, of a path, or of JSON that is not encoded.
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
# shellcheck source=lib/send.sh
source "$LIB/send.sh"
# shellcheck source=lib/show.sh
source "$LIB/show.sh"
# shellcheck source=lib/store.sh
source "$LIB/store.sh"
# shellcheck source=lib/menu.sh
source "$LIB/menu.sh"

# The exit codes, one meaning each, as paxosctl has them.
EXIT_ERROR=1 EXIT_USAGE=2 EXIT_NOT_FOUND=3 EXIT_CONFLICT=4 EXIT_NOT_APPLIED=5 EXIT_UNKNOWN=6
readonly EXIT_ERROR EXIT_USAGE EXIT_NOT_FOUND EXIT_CONFLICT EXIT_NOT_APPLIED EXIT_UNKNOWN

CLIENT='' PROPOSER='' KEY='' TIMEOUT='' SLOT='' FROM='' LIMIT='' STDIN='' LANGUAGE='' HELP=''
CONSISTENCY=linearizable MAX_AGE='' SESSION_TOKEN=''
MENU=''      # not empty in the menu: there is somebody to ask
WORDS=()     # what is no option

usage() {
  complain "$@"
  exit "$EXIT_USAGE"
}

# shown TEXT sets REPLY to a user's words, fit to be said back.
shown() {
  json_show "${1::200}"
}

parse() {
  local option value
  while (($# > 0)); do
    option=$1 value=''
    shift
    case $option in
      --)
        WORDS+=("$@")
        return
        ;;
      -h | --help) HELP=yes ;;
      --stdin) STDIN=yes ;;
      --kube) KUBE=yes ;;
      --client=* | --proposer=* | --key=* | --timeout=* | --slot=* | --from=* | --limit=* | --lang=* | \
        --consistency=* | --max-age=* | --session-token=* | --context=* | --via=*)
        assign "${option%%=*}" "${option#*=}"
        ;;
      --client | --proposer | --key | --timeout | --slot | --from | --limit | --lang | \
        --consistency | --max-age | --session-token | --context | --via)
        (($# > 0)) || { text an.argument; usage usage.argument "$option" "$REPLY"; }
        assign "$option" "$1"
        shift
        ;;
      -?*)
        shown "$option"
        usage usage.option "$REPLY"
        ;;
      *) WORDS+=("$option") ;;
    esac
  done
}

assign() {
  local token='^[A-Za-z0-9._~-]{1,200}$' age='^[0-9]{1,7}(\.[0-9]{1,3})?(ms|s|m)$' whole='^[0-9]{1,20}$' seconds='^[0-9]{1,4}(\.[0-9]{1,3})?$' key='^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'
  shown "$2"
  case $1 in
    --client) CLIENT=$2 ;;
    --proposer) PROPOSER=$2 ;;
    --lang) LANGUAGE=$2 ;;
    --context | --via) kube_option "$1" "$2" ;;
    --consistency)
      [[ $2 =~ ^(linearizable|session|bounded|stale)$ ]] || usage usage.consistency "$REPLY"
      CONSISTENCY=$2
      ;;
    --max-age)
      [[ $2 =~ $age ]] || usage usage.age "$REPLY"
      MAX_AGE=$2
      ;;
    --session-token)
      [[ $2 =~ $token ]] || usage usage.token "$REPLY"
      SESSION_TOKEN=$2
      ;;
    --key)
      # A key is part of a path and of a header: nothing there that means
      # something to either.
      [[ $2 =~ $key ]] || usage usage.key
      KEY=$2
      ;;
    --timeout)
      [[ $2 =~ $seconds ]] || usage usage.seconds "$1" "$REPLY"
      TIMEOUT=$2
      ;;
    *)
      [[ $2 =~ $whole ]] || usage usage.number "$1" "$REPLY"
      case $1 in
        --slot) SLOT=$2 ;;
        --from) FROM=$2 ;;
        --limit) LIMIT=$2 ;;
      esac
      ;;
  esac
}

# pick ROLE NAME checks that there is such a node.
pick() {
  local IFS=' ' FOUND
  nodes_of "$1"
  ((${#FOUND[@]} > 0)) || usage nodes.none "$1" "${1^^}"
  if [[ ${ROLE[${2:-?}]-} != "$1" ]]; then
    shown "$2"
    usage nodes.unknown "$1" "$REPLY" "${FOUND[*]}"
  fi
}

# take_value [AT] sets VALUE to the word after the choice (and after AT - 1
# others), or to standard input.
take_value() {
  local at=${1:-1}
  if [[ -n $STDIN ]]; then
    ((${#WORDS[@]} <= at)) || usage usage.both
    ((${#WORDS[@]} == at)) || { text a.key; usage usage.argument "${WORDS[0]}" "$REPLY"; }
    # read succeeds only when it finds the NUL up to which it reads.
    if IFS= read -r -d '' VALUE; then
      complain value.nul
      exit "$EXIT_USAGE"
    fi
  elif ((at == 1)); then
    take value
    VALUE=${WORDS[1]}
  else
    ((${#WORDS[@]} > at)) || { text a.pair; usage usage.argument "${WORDS[0]}" "$REPLY"; }
    ((${#WORDS[@]} == at + 1)) || { shown "${WORDS[at + 1]}"; usage usage.extra "$REPLY"; }
    VALUE=${WORDS[at]}
  fi
}

# take WHAT insists on exactly one word after the choice.
take() {
  ((${#WORDS[@]} > 1)) || { text "a.$1"; usage usage.argument "${WORDS[0]}" "$REPLY"; }
  if ((${#WORDS[@]} > 2)); then
    shown "${WORDS[2]}"
    usage usage.extra "$REPLY"
  fi
}

alone() {
  ((${#WORDS[@]} == 1)) && return
  shown "${WORDS[1]}"
  usage usage.extra "$REPLY"
}

run() {
  local verb=$1 key='^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'
  case $verb in
    2 | send)
      take_value
      pick client "$CLIENT"
      send_value "$CLIENT" "$VALUE"
      ;;
    7 | propose)
      take_value
      [[ -z $PROPOSER ]] || pick proposer "$PROPOSER"
      propose_value "$PROPOSER" "$VALUE"
      ;;
    outcome | burn)
      take key
      pick client "$CLIENT"
      [[ ${WORDS[1]} =~ $key ]] || usage usage.key
      "${verb}_of" "$CLIENT" "${WORDS[1]}"
      ;;
    3 | read | 4 | responses | 5 | status)
      alone
      pick client "$CLIENT"
      case $verb in
        3 | read) show_values "$CLIENT" ;;
        4 | responses) show_responses "$CLIENT" ;;
        *) show_status "$CLIENT" ;;
      esac
      ;;
    9 | put)
      take_value 2
      pick client "$CLIENT"
      put_key "$CLIENT" "${WORDS[1]}" "$VALUE"
      ;;
    10 | get | 11 | delete)
      take key
      pick client "$CLIENT"
      case $verb in
        10 | get) get_key "$CLIENT" "${WORDS[1]}" ;;
        *) delete_key "$CLIENT" "${WORDS[1]}" ;;
      esac
      ;;
    12 | list)
      ((${#WORDS[@]} == 1)) || take key
      pick client "$CLIENT"
      list_keys "$CLIENT" "${WORDS[1]-}"
      ;;
    1 | clients) alone && show_clients ;;
    6 | leader) alone && show_leader ;;
    8 | system) alone && show_system ;;
    *)
      shown "$verb"
      usage usage.verb "$REPLY"
      ;;
  esac
}

main() {
  local FOUND
  if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    printf 'bash 4.4 or newer is needed; this is %s\n' "$BASH_VERSION" >&2
    exit "$EXIT_ERROR"
  fi
  text_settle "$@"
  parse "$@"
  if [[ -n $LANGUAGE ]] && ! text_language "$LANGUAGE"; then
    shown "$LANGUAGE"
    usage language.none "$REPLY"
  fi
  if [[ -n $HELP ]]; then
    say client.help "$NAME"
    exit 0
  fi
  max_wait_checked
  command -v curl >/dev/null || { complain curl.missing; exit "$EXIT_ERROR"; }
  trap 'printf "\n"; exit 130' INT
  trap 'exit 143' TERM
  trap 'leave "$?"' EXIT
  nodes_find || exit
  colours_if 1
  nodes_of client
  CLIENT=${CLIENT:-${FOUND[0]-}}
  if ((${#WORDS[@]} == 0)); then
    pick client "$CLIENT"
    MENU=yes
    menu
  else
    run "${WORDS[0]}"
  fi
}

# leave CODE says, at an end with this code, where nobody answered.
leave() {
  kubenodes_end
  if [[ -z $MENU && -z $HEARD && ${#TRIED[@]} -gt 0 ]] && (($1 == EXIT_NOT_APPLIED || $1 == EXIT_ERROR)); then
    nodes_silent
  fi
}

main "$@"
