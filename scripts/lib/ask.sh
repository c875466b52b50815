# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names in capitals are shared with the files that source this one
# Questions to single nodes, through the API server's proxy. Where network
# policies keep the API server out, through a port-forward of ours: it reaches a
# pod from the machine that the pod is on, and no policy is asked.

declare -gA BASE=() # of the nodes that are asked at a port of ours: its URL
ANSWER=''           # what a node answered
SAID=''             # why there is no answer

# raw_path NODE PATH sets REPLY to where the API server passes a node's answers on.
raw_path() {
  REPLY=/api/v1/namespaces/$NAMESPACE/services/$1:http/proxy$2
}

# kube_raw SECONDS ARGUMENT… is kubectl for a question to a node. kubectl's own
# --request-timeout would reach the node as a parameter, which it refuses.
kube_raw() {
  local seconds=$1
  shift
  timeout --foreground "$seconds" kubectl --context "$CONTEXT" --namespace "$NAMESPACE" "$@"
}

# node_ask GET|POST NODE PATH SECONDS sets ANSWER, or SAID and fails. What is
# posted has no body, and may arrive twice.
node_ask() {
  local code=0 seconds=$4
  ANSWER='' SAID=''
  if [[ -z ${BASE[$2]-} ]]; then
    # Where one could not be reached, the next is not given as long.
    ((${#BASE[@]} == 0 || seconds < 2)) || seconds=2
    raw_path "$2" "$3"
    if [[ $1 == GET ]]; then
      ANSWER=$(kube_raw "$seconds" get --raw "$REPLY" 2>"$WORK/why") || code=$?
    else
      ANSWER=$(kube_raw "$seconds" create --raw "$REPLY" -f - </dev/null 2>"$WORK/why") || code=$?
    fi
    ((code != 0)) || return 0
    _said
    # 124 is timeout's own: no answer at all.
    if [[ $code != 124 && $SAID != *'error trying to reach service: dial tcp '* ]] || ! _forwarded "$2"; then return 1; fi
  fi
  ANSWER=$(curl --silent --show-error --fail --noproxy '*' --max-time "$4" --request "$1" --url "${BASE[$2]}$3" 2>"$WORK/why" </dev/null) || { _said; return 1; }
}

_said() {
  SAID=$(head -c 300 "$WORK/why" | tr '\n' ' ')
}

# _forwarded NODE makes a port of ours for a node whose pod is ready: one that is
# not may well be silent by itself.
_forwarded() {
  [[ " ${DEPLOYED[*]-} " == *" $1 "* && " ${PENDING[*]-} ${IDLE[*]-} " != *" $1 "* ]] || return 1
  command -v curl >/dev/null && _kube_forward "$1"
}

# node_get NODE PATH reads an answer of a node into JSON; it fails without one.
node_get() {
  node_ask GET "$1" "$2" 6 && json_parse "$ANSWER"
}
