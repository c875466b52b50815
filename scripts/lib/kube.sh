# shellcheck shell=bash
# shellcheck disable=SC2034 # what functions set here is for those who call them
# The cluster that the scripts speak to: always one context, always one
# namespace, both named in every call. The current context of the user's
# kubeconfig is never used and never changed.

NAMESPACE=paxos
CLUSTER=paxos    # the kind cluster's name; of minikube, the profile's
CONTEXT=''
OURS=app.kubernetes.io/part-of=paxos # the label of all that the manifests make

# kube_context [NAME] settles CONTEXT: NAME, else $PAXOS_CONTEXT, else that of
# the kind cluster CLUSTER.
kube_context() {
  CONTEXT=${1:-${PAXOS_CONTEXT:-kind-$CLUSTER}}
}

# kube ARGUMENT… is kubectl, in this cluster and this namespace.
kube() {
  kubectl --context "$CONTEXT" --namespace "$NAMESPACE" "$@"
}

# kube_wide ARGUMENT… is kubectl for what belongs to no namespace.
kube_wide() {
  kubectl --context "$CONTEXT" "$@"
}

# kube_knows succeeds if the kubeconfig has the context.
kube_knows() {
  local known
  known=$(kubectl config get-contexts -o name 2>/dev/null) || return 1
  [[ $'\n'$known$'\n' == *$'\n'"$CONTEXT"$'\n'* ]]
}

# kube_config complains, and fails, if kubectl cannot read the kubeconfig.
kube_config() {
  local why
  why=$(kubectl config get-contexts -o name 2>&1 >/dev/null) && return
  why=${why//$'\n'/ }
  json_show "${why::300}"
  complain kube.badconfig "$REPLY"
  return 1
}

# kube_answers succeeds if the API server does.
kube_answers() {
  kube_wide get --raw /readyz --request-timeout=5s >/dev/null 2>&1
}

# kube_there checks that there is a kubectl, that it knows the context, and that
# the cluster answers; else it complains, with what to do, and fails.
kube_there() {
  if ! command -v kubectl >/dev/null; then
    complain kube.nokubectl
    return 1
  fi
  kube_config || return 1
  if ! kube_knows; then
    complain kube.nocontext "$CONTEXT"
    return 1
  fi
  if ! kube_answers; then
    complain kube.silent "$CONTEXT"
    return 1
  fi
}

# kube_namespace sets REPLY to what the namespace is: absent, ours, foreign
# (somebody else's, of the same name) or leaving. It fails without an answer.
kube_namespace() {
  local answer
  answer=$(kube_wide get namespace "$NAMESPACE" --ignore-not-found \
    -o 'jsonpath={.metadata.name}|{.metadata.labels.app\.kubernetes\.io/part-of}|{.status.phase}') || return 1
  case $answer in
    '') REPLY=absent ;;
    *'|Terminating') REPLY=leaving ;;
    *'|paxos|'*) REPLY=ours ;;
    *) REPLY=foreign ;;
  esac
}
