#!/usr/bin/env bash
# From nothing to ten running nodes, and from one version to the next: makes the
# cluster if there is none, builds and loads the image, applies the manifests,
# waits. What is there already stays as it is; a second run changes nothing.
#
#   deploy-paxos-k8s.sh [--kind|--minikube|--context NAME]   (--help: the rest)
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
# shellcheck source=lib/turns.sh
source "$LIB/turns.sh"
# shellcheck source=lib/apply.sh
source "$LIB/apply.sh"

WORK=''

finish() {
  trap '' INT TERM
  progress_end
  kind_undo || true
  current_restore || true
  kubenodes_end
  [[ -z $WORK ]] || rm -rf -- "$WORK"
}

# namespace_ready checks whose namespace it is, and waits while an old one goes.
namespace_ready() {
  kube_namespace || { complain kube.silent "$CONTEXT"; return 1; }
  if [[ $REPLY == leaving ]]; then
    say deploy.leaving "$NAMESPACE"
    kube_wide wait --for=delete "namespace/$NAMESPACE" --timeout="${PATIENCE}s" >/dev/null || fail deploy.stuck "$NAMESPACE" "$CONTEXT"
    REPLY=absent
  fi
  case $REPLY in
    foreign)
      complain kube.foreign "$NAMESPACE" "$CONTEXT" "$OURS"
      return 1
      ;;
    absent)
      kube_wide apply -f "$WORK/namespace.yaml" >/dev/null || { complain apply.failed; return 1; }
      say deploy.namespace "$NAMESPACE"
      CHANGED=$((CHANGED + 1))
      ;;
  esac
}

# image_ready sees to it that the nodes have the image, or can get it.
image_ready() {
  if [[ $ENGINE == other ]]; then
    say deploy.pulled "$CONTEXT" "${IMAGE:-$OVERLAY}"
    return
  fi
  if [[ -z $IMAGE ]]; then
    image_build || return
  elif ! docker image inspect "$IMAGE" >/dev/null 2>&1; then
    say deploy.pulled "$CONTEXT" "$IMAGE"
    return
  fi
  image_load
}

main() {
  begin deploy '--kind --minikube --force' '--cluster --context --overlay --image --timeout' "$@"
  trap 'progress_end; complain deploy.interrupted; exit 130' INT
  PATIENCE=${OPT[--timeout]:-300} IMAGE=${OPT[--image]-}
  settle
  command -v kubectl >/dev/null || fail kube.nokubectl
  case ${OPT[--overlay]+given}$ENGINE in
    given*) overlay_find "${OPT[--overlay]}" ;;
    minikube) overlay_find minikube ;;
    kind) overlay_find kind ;;
    *) usage deploy.nooverlay "$CONTEXT" ;;
  esac
  WORK=$(mktemp -d)
  # kind of the repository runs in another directory.
  [[ $WORK == /* ]] || WORK=$PWD/$WORK
  current_keep
  trap finish EXIT
  # Before anything is made: what is wrong with the overlay is wrong already.
  if [[ $ENGINE != other && -z $IMAGE ]]; then
    IMAGE=paxos:local
    render
    IMAGE=''
  else
    render
  fi
  engine_there
  kube_config
  engine_up
  kube_namespace || fail kube.silent "$CONTEXT"
  [[ $REPLY != foreign ]] || fail kube.foreign "$NAMESPACE" "$CONTEXT" "$OURS"
  image_ready
  render
  namespace_ready
  voters_same
  key_make
  say deploy.apply "$OVERLAY" "$CONTEXT"
  apply_all
  await_ready $((SECONDS + PATIENCE)) "${NAMES[@]}"
  if [[ -n $STARTED ]]; then await_alive $((SECONDS + PATIENCE)); fi
  if ((CHANGED == 0)); then say deploy.same "${#NAMES[@]}"; else say deploy.done "$CHANGED" "${#NAMES[@]}"; fi
  next_steps
}

# await_alive DEADLINE waits until every node answers under its own name: after a
# start of the machine below, what the cluster says of pods is of before it.
await_alive() {
  local name list
  while :; do
    list=''
    for name in "${NAMES[@]}"; do
      [[ " ${IDLE[*]-} " == *" $name "* ]] || { node_get "$name" /health && [[ ${JSON[.node]-} == "$name" ]]; } || list+="${list:+, }$name"
    done
    [[ -n $list ]] || break
    text deploy.alive "$list"
    progress "$REPLY"
    ((SECONDS < $1)) || { progress_end; complain deploy.alive "$list"; return 1; }
    sleep 1
  done
  await_ready "$1" "${NAMES[@]}"
}

next_steps() {
  local option=''
  [[ $CONTEXT == kind-paxos ]] || printf -v option ' --context %q' "$CONTEXT"
  say deploy.next "$option" "$option"
}

main "$@"
