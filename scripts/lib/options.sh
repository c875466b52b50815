# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names in capitals are shared with the files that source this one
# How the scripts for Kubernetes begin: options are read and checked before
# anything else happens. What users type is data from end to end.

EXIT_ERROR=1 EXIT_USAGE=2
readonly EXIT_ERROR EXIT_USAGE

NAME=${0##*/}
declare -gA OPT=() # of each option that was given; "yes" for those without a value

usage() {
  complain "$@"
  exit "$EXIT_USAGE"
}

fail() {
  complain "$@"
  exit "$EXIT_ERROR"
}

# shown TEXT sets REPLY to a user's words, fit to be said back.
shown() {
  json_show "${1::200}"
}

# begin SCRIPT FLAGS VALUES ARGUMENT… reads the options into OPT: FLAGS are
# those without a value, VALUES those with one, both separated by blanks.
# SCRIPT.help is what --help prints.
begin() {
  local script=$1 flags=$2 values=$3
  shift 3
  if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    printf 'bash 4.4 or newer is needed; this is %s\n' "$BASH_VERSION" >&2
    exit "$EXIT_ERROR"
  fi
  text_settle "$@"
  _options " --help $flags " " --lang $values " "$@"
  if [[ -n ${OPT[--lang]+given} ]] && ! text_language "${OPT[--lang]:-?}"; then
    shown "${OPT[--lang]}"
    usage language.none "$REPLY"
  fi
  if [[ -n ${OPT[--help]-} ]]; then
    say "$script.help" "$NAME"
    exit 0
  fi
  _options_check
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

_options() {
  local flags=$1 values=$2 option
  shift 2
  OPT=()
  while (($# > 0)); do
    option=$1
    shift
    [[ $option != -h ]] || option=--help
    # A blank would join two options of the lists.
    if [[ $option != --[a-z]* || ${option%%=*} == *[!a-z-]* ]]; then
      shown "$option"
      usage kube.option "$REPLY"
    elif [[ $flags == *" $option "* ]]; then
      OPT[$option]=yes
    elif [[ $values != *" ${option%%=*} "* ]]; then
      shown "$option"
      usage kube.option "$REPLY"
    elif [[ $option == *=* ]]; then
      OPT[${option%%=*}]=${option#*=}
    else
      (($# > 0)) || usage kube.argument "$option"
      OPT[$option]=$1
      shift
    fi
  done
}

# _options_check judges the values of the options that several scripts have.
_options_check() {
  local cluster='^[a-z0-9][a-z0-9.-]{0,49}$' seconds='^[1-9][0-9]{0,4}$' image='^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$'
  if [[ -n ${OPT[--cluster]+given} && ! ${OPT[--cluster]} =~ $cluster ]]; then
    shown "${OPT[--cluster]}"
    usage kube.badcluster "$REPLY"
  fi
  if [[ -n ${OPT[--timeout]+given} && ! ${OPT[--timeout]} =~ $seconds ]]; then
    shown "${OPT[--timeout]}"
    usage kube.badseconds "$REPLY"
  fi
  if [[ -n ${OPT[--image]+given} && ! ${OPT[--image]} =~ $image ]]; then
    shown "${OPT[--image]}"
    usage kube.badimage --image "$REPLY"
  fi
  if [[ -n ${KIND_NODE_IMAGE-} && ! $KIND_NODE_IMAGE =~ $image ]]; then
    shown "$KIND_NODE_IMAGE"
    usage kube.badimage KIND_NODE_IMAGE "$REPLY"
  fi
  if [[ -n ${PAXOS_BUILD_NETWORK-} && ! $PAXOS_BUILD_NETWORK =~ ^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$ ]]; then
    shown "$PAXOS_BUILD_NETWORK"
    usage kube.badnetwork "$REPLY"
  fi
  [[ -z ${OPT[--context]+given} ]] || _options_context --context "${OPT[--context]}"
  [[ -z ${PAXOS_CONTEXT-} ]] || _options_context PAXOS_CONTEXT "$PAXOS_CONTEXT"
  [[ -z ${OPT[--kind]-} || -z ${OPT[--minikube]-} ]] || usage kube.both --kind --minikube
}

_options_context() {
  if [[ -z $2 || $2 == -* || $2 == *[[:cntrl:]]* || ${#2} -gt 253 ]]; then
    shown "$2"
    usage kube.badcontext "$1" "$REPLY"
  fi
}

# settle sets ENGINE (kind, minikube or other), CLUSTER and CONTEXT from the
# options. A context that is called as kind calls its own belongs to kind if
# kind knows that cluster.
ENGINE=''
settle() {
  local context=${OPT[--context]-}
  CLUSTER=${OPT[--cluster]:-$CLUSTER} ENGINE=kind
  if [[ -n ${OPT[--minikube]-} ]]; then
    [[ -z $context ]] || usage kube.both --context --minikube
    ENGINE=minikube
    kube_context "$CLUSTER"
    return
  fi
  if [[ -n $context && -n ${OPT[--cluster]-} && $context != "kind-$CLUSTER" ]]; then
    usage kube.both --context --cluster
  fi
  if [[ -z $context && -z ${OPT[--kind]-}${OPT[--cluster]-} ]]; then
    context=${PAXOS_CONTEXT-}
  fi
  kube_context "${context:-kind-$CLUSTER}"
  [[ -n $context ]] || return 0
  CLUSTER=${CONTEXT#kind-}
  if [[ $CONTEXT != kind-* ]] || ! kind_has "$CLUSTER"; then
    [[ -z ${OPT[--kind]-} ]] || usage kube.both --context --kind
    ENGINE=other
  fi
}
