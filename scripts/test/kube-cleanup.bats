#!/usr/bin/env bats
# cleanup-paxos-k8s.sh, in a world of stubs.

setup() {
  load kube
  world
  cluster_up
  ours
  printf '%s\n' configmap/kube-root-ca.crt serviceaccount/default deployment.apps/acceptor1 deployment.apps/learner1 service/acceptor1 persistentvolumeclaim/acceptor1 >"$WORLD/names"
  printf 'acceptor1 1Gi, learner1 2Gi, ' >"$WORLD/claims"
  echo validatingadmissionpolicy.admissionregistration.k8s.io/paxos-one-pod-per-node >"$WORLD/policies"
  CLEANUP=$SCRIPTS/cleanup-paxos-k8s.sh
}

@test "says what will go, then deletes the namespace and the policy" {
  run -0 "$CLEANUP" --yes
  tidy
  said '2 deployment, 1 service, 1 persistentvolumeclaim, 1 validatingadmissionpolicy' 'the namespace paxos itself' 'DATA, for good: acceptor1 1Gi, learner1 2Gi' Done
  called '* delete validatingadmissionpolicy.admissionregistration.k8s.io/paxos-one-pod-per-node *' '* delete namespace paxos * --wait=true *'
  never 'kind delete*' 'docker *'
}

@test "a second time there is nothing, and that is fine" {
  "$CLEANUP" --yes
  rm "$WORLD/policies"
  : >"$LOG"
  run -0 "$CLEANUP" --yes
  said 'Nothing of ours'
  never '* delete *'
  rm "$WORLD/clusters" "$WORLD/contexts"
  run -0 "$CLEANUP"
  said 'Nothing of ours'
  # A kubeconfig that does not know the cluster has not seen it.
  echo paxos >"$WORLD/clusters"
  run -1 "$CLEANUP" --yes
  said 'no context "kind-paxos"' 'kind export kubeconfig --name paxos'
  echo 'yaml: line 3' >"$WORLD/config.fails"
  run -1 "$CLEANUP" --yes
  said 'kubeconfig cannot be read: yaml: line 3'
}

@test "nobody to ask and no --yes: exit code 2, nothing deleted" {
  run -2 "$CLEANUP" </dev/null
  said '--yes'
  never '* delete *'
}

@test "asks on a terminal; only a yes is a yes" {
  local line
  for line in n '' x yy nao; do
    run -0 script -qec "$CLEANUP" /dev/null <<<"$line"
    said 'Delete it? [y/N]' 'Nothing was deleted'
    never '* delete *'
  done
  run -0 script -qec "$CLEANUP --lang pt" /dev/null <<<s
  said Feito
  called '* delete namespace paxos *'
}

@test "--keep-data keeps claims, Secrets and the namespace" {
  sed -i '/persistentvolumeclaim/d' "$WORLD/names"
  run -0 "$CLEANUP" --yes --keep-data
  tidy
  said 'What stays: the namespace paxos' 'acceptor1 1Gi'
  called '* get configmaps,services,deployments.apps -l app.kubernetes.io/part-of=paxos *' '* delete deployment.apps/acceptor1 deployment.apps/learner1 service/acceptor1 *'
  never '*delete*namespace*' '*delete*secret*' '*delete*persistentvolumeclaim*'
  : >"$WORLD/names"
  rm "$WORLD/policies"
  printf 'acceptor1 , acceptor2 , ' >"$WORLD/claims"
  run -0 "$CLEANUP" --keep-data
  said 'Nothing is left to delete' 'kept: acceptor1, acceptor2'
  [[ $output != *' ,'* ]]
}

@test "a namespace of somebody else is left alone" {
  echo 'paxos||Active' >"$WORLD/namespace"
  run -1 "$CLEANUP" --yes
  run -1 "$CLEANUP" --yes --delete-cluster
  said 'not ours'
  never '* delete *'
}

@test "the policy is found by its name, not by a label that anybody may use" {
  run -0 "$CLEANUP" --yes
  called '* get validatingadmission*,validatingadmission* paxos-one-pod-per-node *'
  never '* get validatingadmission* -l *'
}

@test "one broken API of an extension does not make the cluster silent" {
  echo 'unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1' >"$WORLD/kinds.fails"
  run -0 "$CLEANUP" --yes
  said '2 deployment' metrics.k8s.io
  called '* delete namespace paxos *'
  ours
  : >"$WORLD/kinds.none"
  : >"$LOG"
  run -1 "$CLEANUP" --yes
  said 'does not answer'
  never '* delete *'
}

@test "a failure is one" {
  echo 'no right to' >"$WORLD/delete.fails"
  run -1 "$CLEANUP" --yes
  said 'no right to' 'not everything could be deleted'
}

@test "--delete-cluster: the cluster of kind, by its name or its context" {
  printf '%s\n' namespace/kube-system namespace/paxos namespace/bank >"$WORLD/namespaces"
  run -2 "$CLEANUP" --delete-cluster </dev/null
  said 'the whole kind cluster "paxos"' 'not ours: bank'
  # An answer given beforehand is none about the work of others.
  run -2 "$CLEANUP" --yes --delete-cluster
  said 'namespaces that are not ours: bank'
  never '*delete cluster*'
  run -0 script -qec "$CLEANUP --delete-cluster" /dev/null <<<y
  called 'kind delete cluster --name paxos'
  printf '%s\n' namespace/default namespace/kube-system namespace/local-path-storage namespace/paxos >"$WORLD/namespaces"
  cluster_up
  run -0 "$CLEANUP" --yes --delete-cluster
  cluster_up two
  : >"$LOG"
  # A context may be one of long ago, left in the environment.
  PAXOS_CONTEXT=kind-two run -2 "$CLEANUP" --yes --delete-cluster
  said '--cluster two'
  run -2 "$CLEANUP" --yes --delete-cluster --context kind-two
  never '*delete*'
  run -0 "$CLEANUP" --yes --delete-cluster --cluster two
  called 'kind delete cluster --name two'
  run -0 "$CLEANUP" --yes --delete-cluster --cluster three
  said 'Nothing of ours'
  never 'kind delete cluster --name three'
}

@test "--delete-cluster of what does not answer: after a question, or if nothing can be in it" {
  : >"$WORLD/silent"
  run -1 "$CLEANUP" --yes
  local said
  for said in '' used; do
    echo "$said" >"$WORLD/etcd"
    run -2 "$CLEANUP" --yes --delete-cluster
    said 'cannot be seen'
    never 'kind delete*'
  done
  run -0 script -qec "$CLEANUP --delete-cluster" /dev/null <<<y
  said 'could NOT be looked into'
  called 'kind delete cluster --name paxos'
  cluster_up
  : >"$LOG"
  echo bare >"$WORLD/etcd"
  run -0 "$CLEANUP" --yes --delete-cluster
  said 'never had a database'
  called 'docker exec paxos-control-plane *' 'kind delete cluster --name paxos'
}

@test "--delete-cluster looks into a cluster that the kubeconfig does not know" {
  echo paxos >"$WORLD/clusters"
  : >"$WORLD/contexts"
  printf '%s\n' namespace/default namespace/paxos namespace/bank >"$WORLD/namespaces"
  run -2 "$CLEANUP" --yes --delete-cluster
  said 'not ours: bank'
  called 'kind export kubeconfig --name paxos --kubeconfig *'
  : >"$WORLD/export.fails"
  run -2 "$CLEANUP" --yes --delete-cluster
  said 'cannot be seen'
  never 'kind delete*'
  [[ ! -s $WORLD/contexts ]]
  rm "$WORLD/export.fails"
  echo namespace/paxos >"$WORLD/namespaces"
  run -0 "$CLEANUP" --yes --delete-cluster
  called 'kind delete cluster --name paxos'
}

@test "--delete-cluster refuses clusters that kind did not make" {
  printf '%s\n' cloud kind-cloud >>"$WORLD/contexts"
  run -2 "$CLEANUP" --yes --delete-cluster --context cloud
  run -2 "$CLEANUP" --yes --delete-cluster --context kind-cloud
  PAXOS_CONTEXT=cloud run -2 "$CLEANUP" --yes --delete-cluster
  never '*delete cluster*' '*delete --profile*'
}

@test "--delete-cluster with minikube deletes the profile" {
  with minikube
  echo paxos >>"$WORLD/contexts"
  run -0 "$CLEANUP" --yes --delete-cluster --minikube
  said 'Nothing of ours'
  : >"$WORLD/profile"
  run -0 "$CLEANUP" --yes --delete-cluster --minikube
  called 'minikube delete --profile paxos'
  never 'kind delete*'
}

@test "bad input is exit code 2" {
  local args
  for args in nonsense --nonsense '--delete-cluster --keep-data' '--context=' '--cluster -a' --context '--kind --minikube' '--timeout 3' '--lang zz'; do
    # shellcheck disable=SC2086 # several arguments
    run -2 "$CLEANUP" --yes $args
  done
  run -1 "$CLEANUP" --yes --context unknown
  never '* delete *'
}
