#!/usr/bin/env bash
# Takes away what deploy-paxos-k8s.sh brought, after it said what that is and
# was told to. What is not ours is never touched.
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

# What others make of our objects goes with them, and is not counted.
FOLLOWERS=' events events.events.k8s.io pods replicasets.apps endpoints endpointslices.discovery.k8s.io controllerrevisions.apps leases.coordination.k8s.io '
DATA=' persistentvolumeclaims secrets '
# By name: a label is anybody's to use.
POLICIES=validatingadmissionpolicybindings.admissionregistration.k8s.io,validatingadmissionpolicies.admissionregistration.k8s.io
POLICY_NAME=paxos-one-pod-per-node

KINDS=''   # the kinds of objects that the namespace can have, with commas
OBJECTS=() # kind/name of those that will go
POLICY=()  # those outside of the namespace
WORK=''
LOOKED=yes # whether what is in a cluster that will go is known
FOREIGN='' # namespaces that are not ours and would go with the cluster

# kinds sets KINDS; with --keep-data, without those that hold data.
kinds() {
  local kind list
  # One broken API of an extension makes the whole answer a failure; what could
  # be listed is listed all the same.
  list=$(kube_wide api-resources --namespaced=true --verbs=list,delete -o name) || [[ $'\n'$list$'\n' == *$'\ndeployments.apps\n'* ]] || return 1
  KINDS=''
  while IFS= read -r kind; do
    [[ -n $kind && $FOLLOWERS != *" $kind "* ]] || continue
    [[ -z ${OPT[--keep-data]-} || $DATA != *" $kind "* ]] || continue
    KINDS+="${KINDS:+,}$kind"
  done <<<"$list"
  [[ -n $KINDS ]]
}

# find_objects fills in OBJECTS. Without --keep-data the namespace
# goes with all that is in it; then all of it is said.
find_objects() {
  local line list
  local -a ours=()
  OBJECTS=()
  kinds || return 1
  [[ -z ${OPT[--keep-data]-} ]] || ours=(-l "$OURS")
  list=$(kube get "$KINDS" ${ours[@]+"${ours[@]}"} --ignore-not-found -o name) || return 1
  while IFS= read -r line; do
    # Every namespace has these two from birth.
    case $line in '' | configmap/kube-root-ca.crt | serviceaccount/default) continue ;; esac
    OBJECTS+=("$line")
  done <<<"$list"
}

# find_policy fills in POLICY: what is ours and in no namespace.
find_policy() {
  local line list
  POLICY=()
  list=$(kube_wide get "$POLICIES" "$POLICY_NAME" --ignore-not-found -o name 2>/dev/null) || list=''
  while IFS= read -r line; do
    [[ -z $line ]] || POLICY+=("$line")
  done <<<"$list"
}

# counted sets REPLY to how many there are of each kind.
counted() {
  local object kind
  local -A many=()
  local -a order=()
  for object in "$@"; do
    kind=${object%%/*}
    kind=${kind%%.*}
    [[ -n ${many[$kind]-} ]] || order+=("$kind")
    many[$kind]=$((${many[$kind]:-0} + 1))
  done
  REPLY=''
  for kind in ${order[@]+"${order[@]}"}; do REPLY+="${REPLY:+, }${many[$kind]} $kind"; done
}

# find_claims sets REPLY to the claims, each with its size if it has one.
find_claims() {
  REPLY=$(kube get persistentvolumeclaims -o 'jsonpath={range .items[*]}{.metadata.name} {.status.capacity.storage}{", "}{end}') || REPLY=''
  REPLY=${REPLY// ,/,}
  REPLY=${REPLY%,*}
}

# announce says what will go, and what of it cannot be had back.
announce() {
  local claims
  say cleanup.will "$CONTEXT"
  if [[ -n ${OPT[--delete-cluster]-} ]]; then
    say cleanup.cluster "$ENGINE" "$CLUSTER"
    [[ -z $FOREIGN ]] || say cleanup.others "$FOREIGN"
    [[ -n $LOOKED ]] || say cleanup.unseen
  fi
  if ((${#OBJECTS[@]} + ${#POLICY[@]} > 0)); then
    counted "${OBJECTS[@]}" "${POLICY[@]}"
    say cleanup.objects "$NAMESPACE" "$REPLY"
  fi
  [[ $SPACE == ours ]] || return 0
  find_claims
  claims=$REPLY
  if [[ -n ${OPT[--keep-data]-} ]]; then
    say cleanup.kept "$NAMESPACE" "${claims:--}"
  else
    [[ -n ${OPT[--delete-cluster]-} ]] || say cleanup.namespace "$NAMESPACE"
    [[ -z $claims ]] || say cleanup.data "$claims"
  fi
}

# find_foreign fills in FOREIGN. A cluster with somebody else's work in it is not
# deleted without a question.
find_foreign() {
  local name names
  FOREIGN=''
  names=$(kube_wide get namespaces --request-timeout=5s -o name) || return 1
  while IFS= read -r name; do
    case ${name#namespace/} in
      '' | default | kube-* | local-path-storage | "$NAMESPACE") ;;
      *) FOREIGN+="${FOREIGN:+, }${name#namespace/}" ;;
    esac
  done <<<"$names"
}

agreed() {
  local line=''
  [[ -z ${OPT[--yes]-} ]] || return 0
  [[ -t 0 ]] || usage cleanup.noterminal
  text cleanup.ask
  IFS= read -r -p "$REPLY" line || line=''
  [[ $line == [yYsS] || $line == yes || $line == sim ]]
}

delete_objects() {
  local until
  if ((${#POLICY[@]} > 0)); then
    kube_wide delete "${POLICY[@]}" --ignore-not-found || fail cleanup.failed "$CONTEXT"
  fi
  [[ $SPACE == ours ]] || return 0
  if [[ -z ${OPT[--keep-data]-} ]]; then
    say cleanup.waiting
    kube_wide delete namespace "$NAMESPACE" --ignore-not-found --wait=true --timeout=180s || fail cleanup.failed "$CONTEXT"
    return
  fi
  ((${#OBJECTS[@]} == 0)) || kube delete "${OBJECTS[@]}" --ignore-not-found --timeout=120s || fail cleanup.failed "$CONTEXT"
  until=$((SECONDS + 120))
  say cleanup.waiting
  while [[ -n $(kube get pods -l "$OURS" -o name) ]]; do
    ((SECONDS < until)) || fail cleanup.failed "$CONTEXT"
    sleep 1
  done
}

delete_cluster() {
  if [[ $ENGINE == minikube ]]; then
    minikube delete --profile "$CLUSTER" || fail engine.failed minikube "$CLUSTER"
  else
    kind_run delete cluster --name "$CLUSTER" || fail engine.failed kind "$CLUSTER"
  fi
}

# cluster_exists succeeds if --delete-cluster has something to delete.
cluster_exists() {
  if [[ $ENGINE == minikube ]]; then
    command -v minikube >/dev/null || fail engine.nominikube
    minikube profile list --output json 2>/dev/null | grep -qF "\"Name\":\"$CLUSTER\""
  else
    kind_has "$CLUSTER"
  fi
}

# await_gone waits for a namespace that somebody deletes already.
await_gone() {
  say cleanup.waiting
  kube_wide wait --for=delete "namespace/$NAMESPACE" --timeout=180s >/dev/null || fail cleanup.failed "$CONTEXT"
  SPACE=absent
}

# look_in reaches a cluster of kind that the kubeconfig does not know, through
# one of its own; the user's stays as it is.
look_in() {
  if [[ $ENGINE != kind ]] || kube_knows; then return 0; fi
  kind_run export kubeconfig --name "$CLUSTER" --kubeconfig "$WORK/kubeconfig" >/dev/null 2>&1 || return 0
  export KUBECONFIG=$WORK/kubeconfig
}

# unseen settles what may be done with a cluster that does not let itself be
# looked into: beforehand, --yes is an answer only where nothing can be in it.
unseen() {
  LOOKED=''
  [[ -n ${OPT[--yes]-} ]] || return 0
  if [[ $ENGINE != kind ]] || ! kind_bare "$CLUSTER"; then usage cleanup.blind "$CLUSTER"; fi
  say cleanup.bare "$CLUSTER"
  LOOKED=yes
}

# not_here ends it where the kubeconfig does not have the context.
not_here() {
  ! kind_has "$CLUSTER" || fail cleanup.nocontext "$CONTEXT" "$CLUSTER" "$CLUSTER"
  nothing
}

finish() {
  [[ -z $WORK ]] || rm -rf -- "$WORK"
}

nothing() {
  if [[ $SPACE == ours && -n ${OPT[--keep-data]-} ]]; then
    find_claims
    say cleanup.onlykept "$CONTEXT" "${REPLY:--}"
    exit 0
  fi
  say cleanup.nothing "$CONTEXT"
  exit 0
}

main() {
  local config=${KUBECONFIG-} had=${KUBECONFIG+yes}
  SPACE=absent
  begin cleanup '--kind --minikube --yes --delete-cluster --keep-data' '--cluster --context' "$@"
  [[ -z ${OPT[--delete-cluster]-} || -z ${OPT[--keep-data]-} ]] || usage kube.both --delete-cluster --keep-data
  settle
  command -v kubectl >/dev/null || fail kube.nokubectl
  kube_config || exit "$EXIT_ERROR"
  WORK=$(mktemp -d)
  # kind of the repository runs in another directory.
  [[ $WORK == /* ]] || WORK=$PWD/$WORK
  trap finish EXIT
  if [[ -n ${OPT[--delete-cluster]-} ]]; then
    [[ $ENGINE != other ]] || usage cleanup.notours "$CONTEXT"
    # A context may be there since yesterday, in the environment for example.
    [[ $CLUSTER == paxos || -n ${OPT[--cluster]+given} ]] || usage cleanup.name "$CLUSTER"
    engine_there || exit "$EXIT_ERROR"
    cluster_exists || nothing
    look_in
  elif [[ $ENGINE == kind && -z ${OPT[--context]-}${PAXOS_CONTEXT-} ]] && ! kube_knows; then
    not_here
  fi
  # A cluster that is stopped or broken can still be deleted.
  if [[ -z ${OPT[--delete-cluster]-} ]]; then
    kube_there || exit "$EXIT_ERROR"
  fi
  if kube_knows && kube_answers; then
    kube_namespace || fail kube.silent "$CONTEXT"
    SPACE=$REPLY
    [[ $SPACE != leaving ]] || await_gone
    [[ $SPACE != foreign ]] || fail kube.foreign "$NAMESPACE" "$CONTEXT" "$OURS"
    find_policy
    [[ -z ${OPT[--delete-cluster]-} ]] || find_foreign || fail kube.silent "$CONTEXT"
    [[ -z $FOREIGN || -z ${OPT[--yes]-} ]] || usage cleanup.foreign "$CLUSTER" "$FOREIGN"
    [[ $SPACE != ours ]] || find_objects || fail kube.silent "$CONTEXT"
  elif [[ -n ${OPT[--delete-cluster]-} ]]; then
    unseen
  fi
  if [[ -z ${OPT[--delete-cluster]-} ]]; then
    [[ -z ${OPT[--keep-data]-} || $SPACE != ours ]] || ((${#OBJECTS[@]} + ${#POLICY[@]} > 0)) || nothing
    [[ $SPACE != absent ]] || ((${#POLICY[@]} > 0)) || nothing
  fi
  announce
  agreed || { say cleanup.left; exit 0; }
  if [[ -z $had ]]; then unset KUBECONFIG; else export KUBECONFIG=$config; fi
  if [[ -n ${OPT[--delete-cluster]-} ]]; then delete_cluster; else delete_objects; fi
  say cleanup.done
}

main "$@"
