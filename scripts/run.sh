#!/usr/bin/env bash
# After deploy-paxos-k8s.sh: waits for the pods, initialises the network once,
# waits for a leader, checks every node, and says where they are.
set -euo pipefail

LIB=$(CDPATH='' cd -- "${BASH_SOURCE[0]%/*}" 2>/dev/null && pwd)/lib
# shellcheck source=lib/json.sh
source "$LIB/json.sh"
# shellcheck source=lib/text.sh
source "$LIB/text.sh"
# shellcheck source=lib/kube.sh
source "$LIB/kube.sh"
# shellcheck source=lib/options.sh
source "$LIB/options.sh"
# shellcheck source=lib/cluster.sh
source "$LIB/cluster.sh"
# shellcheck source=lib/pending.sh
source "$LIB/pending.sh"
# shellcheck source=lib/kubenodes.sh
source "$LIB/kubenodes.sh"
# shellcheck source=lib/ask.sh
source "$LIB/ask.sh"
# shellcheck source=lib/verify.sh
source "$LIB/verify.sh"

WORK=''

finish() {
  progress_end
  kubenodes_end
  [[ -z $WORK ]] || rm -rf -- "$WORK"
}

# there checks that something of ours is there to run.
there() {
  kube_namespace || fail kube.silent "$CONTEXT"
  case $REPLY in
    absent | leaving) fail run.nothing "$NAMESPACE" "$CONTEXT" ;;
    foreign) fail kube.foreign "$NAMESPACE" "$CONTEXT" "$OURS" ;;
  esac
  look || fail kube.silent "$CONTEXT"
  ((${#DEPLOYED[@]} > 0)) || fail run.nothing "$NAMESPACE" "$CONTEXT"
  ((${#IDLE[@]} < ${#DEPLOYED[@]})) || fail run.zero "$CONTEXT" "$NAMESPACE"
}

main() {
  local deadline name option=''
  begin run '--kind --minikube' '--cluster --context --timeout' "$@"
  settle
  kube_there || exit "$EXIT_ERROR"
  WORK=$(mktemp -d)
  trap finish EXIT
  deadline=$((SECONDS + ${OPT[--timeout]:-120}))
  there
  await_ready "$deadline"
  say run.ready $((${#DEPLOYED[@]} - ${#IDLE[@]}))
  ((${#IDLE[@]} == 0)) || say run.idles "${IDLE[*]}"
  initialise "$deadline"
  await_leader "$deadline"
  say run.leader "$LEADER"
  if ! await_health "$deadline"; then
    show_nodes
    for name in "${UNWELL[@]}"; do complain run.unwell "$name"; done
    exit "$EXIT_ERROR"
  fi
  addresses
  show_nodes
  [[ $CONTEXT == kind-paxos ]] || printf -v option ' --context %q' "$CONTEXT"
  if [[ $WAY != nodeport ]]; then
    # The API server's proxy is offered only if it was of use.
    if ((${#BASE[@]} == 0)); then say run.proxy "$CONTEXT" "$NAMESPACE" "$CONTEXT" "$NAMESPACE"; else say run.forward "$CONTEXT" "$NAMESPACE"; fi
  fi
  say run.next "$option" "$option" "$option"
}

main "$@"
