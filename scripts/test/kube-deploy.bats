#!/usr/bin/env bats
# deploy-paxos-k8s.sh, in a world of stubs.

setup() {
  load kube
  world
  DEPLOY=$SCRIPTS/deploy-paxos-k8s.sh
}

# hurried ARGUMENT… is the script with the patience of WORLD/cluster.sh.
hurried() {
  mkdir -p "$WORLD/repo/scripts"
  ln -sfn "$SCRIPTS/../k8s" "$WORLD/repo/k8s"
  cp -R "$SCRIPTS/lib" "$DEPLOY" "$WORLD/repo/scripts"
  cp "$WORLD/cluster.sh" "$WORLD/repo/scripts/lib/cluster.sh"
  "$WORLD/repo/scripts/deploy-paxos-k8s.sh" "$@"
}

@test "from nothing: cluster, image, key, manifests, and the context stays" {
  echo mine >"$WORLD/current"
  run -0 "$DEPLOY"
  tidy
  called 'kubectl kustomize */k8s/overlays/kind' 'kind create cluster --name paxos --config */k8s/kind.yaml' \
    'docker build --build-arg VERSION=0123abc --build-arg COMMIT=0123abcd --tag paxos:build-* *' 'attestations off: 1' \
    'docker tag paxos:build-* paxos:aaaaaaaaaaaa' 'docker tag paxos:aaaaaaaaaaaa paxos:local' 'docker save --output * paxos:aaaaaaaaaaaa paxos:local' 'kind load image-archive * --name paxos' \
    'kubectl *create -f -' 'changed Deployment/acceptor1 created' 'changed Deployment/proposer1 created'
  [[ $(cat "$WORLD/current") == mine ]]
  called 'kind create*' 'kubectl config use-context mine' 'docker build *'
  never 'kind create cluster *--image*' 'kubectl *rollout*' '*--wait*'
  grep -q 'image: paxos:aaaaaaaaaaaa$' "$WORLD/objects/Deployment-acceptor1"
  # What looks like an image in a text stays a text of the ConfigMap.
  grep -q '^    image: paxos:local$' "$WORLD/objects/ConfigMap-paxos-config"
  said 'scripts/run.sh' '8 objects are new or changed; all 5 nodes'
}

@test "the second run changes nothing, and says so" {
  "$DEPLOY"
  : >"$LOG"
  run -0 "$DEPLOY"
  tidy
  said 'Nothing had to be changed' 'The cluster has the image paxos:aaaaaaaaaaaa' 'it stays'
  never 'kind create*' 'docker save*' 'kind load*' '*create -f -' 'changed * created' 'changed Deployment*configured' '*rollout*' '*use-context*'
}

@test "the gossip key travels by standard input alone" {
  run -0 "$DEPLOY"
  local key told=$output
  key=$(sed -n 's/.*"key":"\([^"]*\)".*/\1/p' "$WORLD/secret")
  [[ $(base64 -d <<<"$key" | wc -c) == 32 ]]
  run -1 grep -F "$key" "$LOG"
  [[ $told != *"$key"* ]]
  grep -q '"app.kubernetes.io/part-of":"paxos"' "$WORLD/secret"
}

@test "an upgrade: acceptors first, one after the other, each waited for" {
  "$DEPLOY"
  voting
  echo bbbbbbbbbbbb >"$WORLD/image"
  : >"$LOG"
  run -0 "$DEPLOY"
  called 'changed Deployment/acceptor1 configured' 'kubectl *get deployments*' 'changed Deployment/acceptor2 configured' 'kubectl *get deployments*' \
    'changed Deployment/learner1 *' 'kubectl *get deployments*' 'changed Deployment/client1 *' 'kubectl *get deployments*' 'changed Deployment/proposer1 *' 'kubectl *get deployments*'
  said 'acceptor1 changes' '5 objects are new or changed'
  tidy
}

@test "an upgrade that does not become ready stops at the first node" {
  "$DEPLOY"
  voting
  echo bbbbbbbbbbbb >"$WORLD/image"
  all_nodes
  # It is ready until it is replaced.
  broken_by acceptor1
  : >"$LOG"
  run -1 "$DEPLOY" --timeout 1
  called 'changed Deployment/acceptor1 configured'
  never 'changed Deployment/acceptor2 *' 'changed Deployment/proposer1 *'
}

@test "an acceptor goes only while all others vote and the leader hears them" {
  local bad
  "$DEPLOY"
  echo bbbbbbbbbbbb >"$WORLD/image"
  for bad in 'unheard acceptor2' 'rm proposer1.leader' 'mute acceptor2' 'rm acceptor2.health'; do
    voting
    case $bad in
      unheard*) unheard acceptor2 ;;
      mute*) echo '{"node":"acceptor2","status":"mute"}' >"$WORLD/acceptor2.health" ;;
      rm*) rm "$WORLD/${bad#rm }" ;;
    esac
    : >"$LOG"
    run -1 "$DEPLOY" --timeout 1
    said 'stopped before acceptor1' --force
    never 'changed Deployment/acceptor* configured' 'changed Deployment/proposer1 *'
  done
  unheard acceptor2
  run -0 "$DEPLOY" --timeout 1 --force
  said '--force: acceptor1 is stopped although' 'proposer1 does not hear acceptor2'
  called 'changed Deployment/acceptor1 configured' 'changed Deployment/acceptor2 configured'
}

@test "after each acceptor the leader must hear it again" {
  "$DEPLOY"
  voting
  echo bbbbbbbbbbbb >"$WORLD/image"
  echo acceptor1 >"$WORLD/deaf"
  : >"$LOG"
  run -1 "$DEPLOY" --timeout 2
  called 'changed Deployment/acceptor1 configured'
  never 'changed Deployment/acceptor2 configured'
  said 'stopped before acceptor2' 'proposer1 does not hear acceptor1'
}

@test "what is down comes first, and is no reason to wait for the others" {
  "$DEPLOY"
  voting
  rm "$WORLD/acceptor2.health"
  echo bbbbbbbbbbbb >"$WORLD/image"
  all_nodes
  # Scaled to zero; then without an image; both never vote.
  for down in '0|1|1|||' '1|1|1|1|1|'; do
    sed -i "s/^acceptor2|.*/acceptor2|acceptor|$down/" "$WORLD/deployments"
    : >"$LOG"
    unheard acceptor2
    run -1 "$DEPLOY" --timeout 1
    called 'changed Deployment/acceptor2 configured'
    never 'changed Deployment/acceptor1 configured' 'changed Deployment/learner1 configured'
    said 'stopped before acceptor1'
    sed -i 's/bbbb/cccc/' "$WORLD/image"
  done
}

@test "before initialisation nobody votes, and nobody is waited for" {
  "$DEPLOY"
  echo '{"node":"acceptor1","status":"waiting"}' | tee "$WORLD/acceptor1.health" >"$WORLD/acceptor2.health"
  echo bbbbbbbbbbbb >"$WORLD/image"
  run -0 "$DEPLOY" --timeout 2
}

@test "a learner goes only while the other is ready" {
  sed '/^---$/,$!d' "$WORLD/render.yaml" >"$WORLD/more"
  awk 'BEGIN { RS = "---\n" } /name: learner1/ { gsub("learner1", "learner2"); printf "---\n%s", $0 }' "$WORLD/more" >"$WORLD/learner2"
  cat "$WORLD/learner2" >>"$WORLD/render.yaml"
  "$DEPLOY"
  voting
  echo bbbbbbbbbbbb >"$WORLD/image"
  all_nodes
  node learner2 learner '0|1|1|||'
  : >"$LOG"
  run -1 "$DEPLOY" --timeout 1
  called 'changed Deployment/learner2 configured' 'changed Deployment/acceptor1 configured' 'changed Deployment/acceptor2 configured'
  never 'changed Deployment/learner1 configured'
  said 'stopped before learner1' 'learner2: scaled to zero'
}

@test "each node of an upgrade has a time of its own" {
  "$DEPLOY"
  voting
  echo bbbbbbbbbbbb >"$WORLD/image"
  # Each takes a second to become ready; there are five.
  : >"$WORLD/slow"
  run -0 "$DEPLOY" --timeout 3
  said '5 objects are new or changed'
}

@test "new settings make other pods: their hash is in the templates" {
  local before
  "$DEPLOY"
  voting
  before=$(grep 'paxos/settings: "[0-9a-f]\{16\}"$' "$WORLD/objects/Deployment-acceptor1")
  sed -i 's/kind: Trap/kind: Other/' "$WORLD/render.yaml"
  : >"$LOG"
  run -0 "$DEPLOY"
  called 'changed Deployment/acceptor1 configured' '*get deployments*' 'changed Deployment/acceptor2 configured' 'changed Deployment/proposer1 configured'
  never '*rollout*'
  run -1 grep -F "$before" "$WORLD/objects/Deployment-acceptor1"
  # Only in what is applied; and beside the annotations that are there.
  run -1 grep paxos/settings "$WORLD/render.yaml"
  sed -i 's/^    metadata:$/&\n      annotations:\n        a: b/' "$WORLD/render.yaml"
  run -0 "$DEPLOY"
  [[ $(grep -c '^      annotations:$' "$WORLD/objects/Deployment-acceptor1") == 1 ]]
  grep -q '^        paxos/settings: ' "$WORLD/objects/Deployment-acceptor1"
  grep -q '^        a: b' "$WORLD/objects/Deployment-acceptor1"
}

@test "interrupted after the first node, the next run brings the others the new settings" {
  "$DEPLOY"
  voting
  sed -i 's/kind: Trap/kind: Other/' "$WORLD/render.yaml"
  echo acceptor1 >"$WORLD/deaf"
  : >"$LOG"
  set -m
  "$DEPLOY" >"$WORLD/out" 2>&1 3>&- &
  local pid=$! code=0 i
  for ((i = 0; i < 100; i++)); do
    ! grep -q 'acceptor2 can not be missed yet' "$WORLD/out" || break
    sleep 0.1
  done
  kill -INT -- "-$pid"
  wait "$pid" || code=$?
  set +m
  [[ $code == 130 ]]
  called 'changed ConfigMap/paxos-config *' 'changed Deployment/acceptor1 configured'
  never 'changed Deployment/acceptor2 configured'
  rm "$WORLD/deaf"
  unheard ''
  : >"$LOG"
  run -0 "$DEPLOY"
  called 'changed Deployment/acceptor2 configured' 'changed Deployment/learner1 configured' 'changed Deployment/proposer1 configured'
  never 'changed Deployment/acceptor1 configured'
}

@test "the user's current context is put back once, and then his own" {
  echo mine >"$WORLD/current"
  # He switches while the image is built.
  echo switched >"$WORLD/meanwhile"
  run -0 "$DEPLOY"
  called 'kubectl config use-context mine' 'docker build *'
  [[ $(cat "$WORLD/current") == switched ]]
}

@test "a relative KUBECONFIG is the user's, where kind is the repository's" {
  without kind
  with go
  cd "$BATS_TEST_TMPDIR"
  KUBECONFIG=one:/two:some/three run -0 "$DEPLOY"
  called "with KUBECONFIG $PWD/one:/two:$PWD/some/three"
  never 'with KUBECONFIG one*'
}

@test "docker build has the network that was asked for, and none unasked" {
  PAXOS_BUILD_NETWORK=host run -0 "$DEPLOY"
  called 'docker build --network host --build-arg *'
  PAXOS_BUILD_NETWORK=-x run -2 "$DEPLOY"
  PAXOS_BUILD_NETWORK='a b' run -2 "$DEPLOY"
}

@test "who votes is not changed by a ConfigMap" {
  cluster_up
  ours
  echo acceptor1,acceptor2,acceptor3 >"$WORLD/voters"
  run -2 "$DEPLOY"
  said 'acceptor1,acceptor2,acceptor3, and would be acceptor1,acceptor2'
  never '*changed ConfigMap*'
}

@test "a namespace of somebody else is left alone, and nothing is built for it" {
  cluster_up
  echo 'paxos||Active' >"$WORLD/namespace"
  run -1 "$DEPLOY"
  said 'is not ours' 'app.kubernetes.io/part-of=paxos'
  never 'docker build*' '*apply*' '*create*'
}

@test "a namespace that is going is waited for" {
  cluster_up
  echo 'paxos|paxos|Terminating' >"$WORLD/namespace"
  run -0 "$DEPLOY"
  called '*wait --for=delete namespace/paxos*' 'changed Namespace/paxos created'
}

@test "objects of another namespace are refused before anything is made" {
  sed -i '0,/namespace: paxos/s//namespace: kube-system/' "$WORLD/render.yaml"
  run -1 "$DEPLOY"
  said 'namespace kube-system'
  never 'kind create*' 'docker build*'
}

@test "what is pending is named, with the reason, once for each change" {
  cluster_up
  node acceptor1 acceptor '1|1|1|1|1|'
  node acceptor2 acceptor '1|1|1|1|1|'
  node learner1 learner '1|1|1|1|1|'
  node client1 client '1|1|1|||'
  node proposer1 proposer '1|1|1|1|1|'
  printf '%s\n' 'acceptor1-x|acceptor1|Pending||0|ContainerCreating|' 'acceptor2-x|acceptor2|Running||3|CrashLoopBackOff|' \
    'learner1-x|learner1|Pending||||"0/1 nodes | are \"full\"\x1b[2J"' 'proposer1-x|proposer1|Pending||0|ErrImageNeverPull|' >"$WORLD/pods"
  printf '%s\n' 'acceptor1-x|"MountVolume.SetUp failed: secret \"paxos-gossip-key\" not found"' 'client1-5d|"pods \"client1\" is forbidden"' >"$WORLD/events"
  printf 'last seen \e[31mFailedMount\n' >"$WORLD/events.text"
  run -1 "$DEPLOY" --timeout 2
  said '0 of 5 ready; waiting for acceptor1 (ContainerCreating: MountVolume.SetUp failed: secret "paxos-gossip-key" not found)' \
    'acceptor2 (CrashLoopBackOff, restarted 3 times)' 'learner1 (Pending: 0/1 nodes | are "full"' 'client1 (no pod yet: pods "client1" is forbidden)' 'proposer1 (ErrImageNeverPull)' \
    'Not everything is ready' 'FailedMount' 'the log of acceptor1-x'
  [[ $output != *$'\e'* ]]
  [[ $(grep -c '0 of 5 ready' <<<"$output") == 1 ]]
  tidy
}

@test "it goes on when what was pending is ready" {
  cluster_up
  local name
  for name in acceptor1 acceptor2 client1 learner1 proposer1; do node "$name" x; done
  cp "$WORLD/deployments" "$WORLD/deployments.next"
  sed -i 's/^acceptor1.*/acceptor1|x|1|2|1|1|1|1/' "$WORLD/deployments"
  run -0 "$DEPLOY"
  said '4 of 5 ready; waiting for acceptor1 (no pod yet)'
}

@test "on a terminal it is one line that changes" {
  cluster_up
  node acceptor1 acceptor '1|1|1|1|1|'
  run -1 script -qec "$DEPLOY --timeout 1" /dev/null
  [[ $output == *$'\r\e[K['* ]]
}

@test "a failed build shows its last lines and leaves the cluster alone" {
  cluster_up
  echo 'the compiler is sad' >"$WORLD/build.fails"
  run -1 "$DEPLOY"
  said 'the compiler is sad' 'could not be built'
  never '*apply*' 'docker save*'
}

@test "a builder that keeps its image elsewhere is noticed" {
  cluster_up
  : >"$WORLD/image"
  run -1 "$DEPLOY"
  said 'docker buildx use default'
}

@test "without kind in the PATH it is the repository's" {
  without kind
  with go
  run -0 "$DEPLOY" --cluster other
  called 'go tool kind create cluster --name other *' 'go tool kind load image-archive * --name other'
  tidy kind-other
  said 'scripts/run.sh --context kind-other'
}

@test "KIND_NODE_IMAGE selects the node image; a failed creation restores the context" {
  echo mine >"$WORLD/current"
  echo 'no room' >"$WORLD/create.fails"
  KIND_NODE_IMAGE=kindest/node:local run -1 "$DEPLOY"
  called 'kind create cluster * --image kindest/node:local'
  called 'kind create*' 'kind delete cluster --name paxos'
  said 'no room' 'Deleting what was made'
  [[ $(cat "$WORLD/current") == mine ]]
  KIND_NODE_IMAGE='-x' run -2 "$DEPLOY"
}

@test "kind that fails: nothing left is not spoken of, ports that are held are" {
  : >"$WORLD/create.undone"
  echo 'Bind for 127.0.0.1:30301 failed: port is already allocated' >"$WORLD/create.fails"
  run -1 "$DEPLOY" --cluster second
  said 'cluster "second"' 'only one such cluster'
  [[ $output != *--delete-cluster* ]]
  never 'kind delete*'
  # Somebody else was quicker.
  rm "$WORLD/create.undone"
  echo 'node(s) already exist for a cluster with the name "second"' >"$WORLD/create.fails"
  run -1 "$DEPLOY" --cluster second
  never 'kind delete*'
}

@test "an interrupt while kind makes the cluster takes away what was begun" {
  : >"$WORLD/create.hangs"
  set -m
  "$DEPLOY" >"$WORLD/out" 2>&1 3>&- &
  local pid=$! code=0 i
  for ((i = 0; i < 100; i++)); do
    [[ ! -s $WORLD/contexts ]] || break
    sleep 0.1
  done
  kill -INT -- "-$pid"
  wait "$pid" || code=$?
  set +m
  [[ $code == 130 ]]
  called 'kind create*' 'kind delete cluster --name paxos'
  grep -q Interrupted "$WORLD/out"
}

@test "a half-made cluster is said to be one, with the way out" {
  cluster_up second
  : >"$WORLD/noclass"
  run -1 "$DEPLOY" --cluster second
  said 'half made' 'scripts/cleanup-paxos-k8s.sh --delete-cluster --cluster second'
  rm "$WORLD/noclass"
  sed 's/SECONDS + 90/SECONDS + 1/' "$SCRIPTS/lib/cluster.sh" >"$WORLD/cluster.sh"
  echo 'second-control-plane|False|2999-01-01T00:00:00Z' >"$WORLD/nodes"
  run -1 hurried --cluster second
  said 'half made'
  never 'docker build*' '*apply*'
}

@test "after a start, a node of before it is not ready, and pods must answer themselves" {
  cluster_up
  : >"$WORLD/silent"
  sed 's/SECONDS + 90/SECONDS + 1/' "$SCRIPTS/lib/cluster.sh" >"$WORLD/cluster.sh"
  echo 'paxos-control-plane|True|2001-01-01T00:00:00Z' >"$WORLD/nodes"
  run -1 hurried
  said 'became ready in 90 s after the start'
  [[ $output != *--delete-cluster* ]]
  rm "$WORLD/nodes"
  : >"$WORLD/silent"
  run -1 "$DEPLOY" --timeout 1
  said 'not answering yet: acceptor1, acceptor2, learner1'
  [[ $output != *'nodes are ready'* ]]
}

@test "a cluster that the program was loaded into before its other name is loaded again" {
  "$DEPLOY"
  echo 'node ["docker.io/library/paxos:aaaaaaaaaaaa"] ["docker.io/library/paxos:local"]' >"$WORLD/images"
  : >"$LOG"
  run -0 "$DEPLOY"
  called 'docker save --output * paxos:aaaaaaaaaaaa paxos:local'
}

@test "the version is that of what the image is made of" {
  echo ' M paxos/paxos.go' >"$WORLD/dirty"
  run -0 "$DEPLOY"
  called 'git * log -1 * -- Dockerfile *' 'git * status --porcelain -- Dockerfile *' 'docker build --build-arg VERSION=0123abc-dirty --build-arg COMMIT=0123abcd *'
}

@test "stopped nodes are started, another kubeconfig is filled in" {
  echo paxos >"$WORLD/clusters"
  echo mine >"$WORLD/current"
  : >"$WORLD/silent"
  local name
  for name in acceptor1 acceptor2 learner1 client1 proposer1; do echo "{\"node\":\"$name\"}" >"$WORLD/$name.health"; done
  run -0 "$DEPLOY"
  called 'kind export kubeconfig --name paxos' 'docker start paxos-control-plane'
  [[ $(cat "$WORLD/current") == mine ]]
}

@test "minikube: a profile, its own way to load, and its context" {
  with minikube
  run -0 "$DEPLOY" --minikube
  called 'kubectl kustomize */k8s/overlays/minikube' 'minikube start --profile paxos --keep-context' 'minikube --profile paxos image load *'
  tidy paxos
  never 'kind *'
}

@test "another cluster: an image that it can pull, and nothing built" {
  echo cloud >"$WORLD/contexts"
  run -2 "$DEPLOY" --context cloud
  said '--overlay'
  run -2 "$DEPLOY" --context cloud --overlay production
  said '--image'
  : >"$LOG"
  run -0 "$DEPLOY" --context cloud --overlay production --image registry.example/paxos:7
  tidy cloud
  said 'Nothing is built or loaded'
  never 'docker *' 'kind create*' 'kind load*'
  grep -q 'image: registry.example/paxos:7$' "$WORLD/objects/Deployment-acceptor1"
  PAXOS_CONTEXT=cloud run -0 "$DEPLOY" --overlay production --image registry.example/paxos:7
  said 'Nothing had to be changed'
}

@test "a context of kind is that cluster of kind" {
  cluster_up two
  run -0 "$DEPLOY" --context kind-two
  called 'kind load image-archive * --name two'
  tidy kind-two
  run -1 "$DEPLOY" --context kind-three --overlay kind --image x/paxos:1
  said 'no context "kind-three"'
}

@test "--image that the engine has is loaded, one that it has not is pulled" {
  cluster_up
  run -0 "$DEPLOY" --image x/paxos:1
  never 'docker build*' 'docker save*'
  : >"$WORLD/local"
  run -0 "$DEPLOY" --image x/paxos:1
  called 'docker save --output * x/paxos:1' 'kind load image-archive*'
}

@test "a dead engine, and tools that are missing, are told with what to do" {
  echo 'Cannot connect' >"$WORLD/docker.fails"
  run -1 "$DEPLOY"
  said 'Cannot connect' 'setup-kubernetes-wsl.sh'
  without kind
  run -1 "$DEPLOY"
  rm "$WORLD/docker.fails"
  run -1 "$DEPLOY"
  said 'neither kind nor Go'
  without docker
  run -1 "$DEPLOY"
  said 'docker was not found'
  without kubectl
  run -1 "$DEPLOY"
  said 'kubectl was not found'
}

@test "bad input is exit code 2, with what was wrong, before anything is done" {
  local args
  # shellcheck disable=SC2016 # not to be expanded, here or there
  for args in nonsense --nonsense -x '--kind --minikube' --cluster '--cluster A' '--cluster -x' '--cluster=' '--timeout 0' '--timeout 1s' '--timeout 999999' \
    '--image -x' '--image a$(id)' '--overlay nowhere' '--overlay ../..' '--overlay=' '--context=' '--context -x' '--context a --minikube' '--context a --cluster b' \
    '--context a --kind' '--lang xx' '--lang=' '--yes' '--kind=yes'; do
    # shellcheck disable=SC2086 # several arguments
    run -2 "$DEPLOY" $args
    [[ -n $output ]]
  done
  run -2 "$DEPLOY" $'\e[31m'
  said '\u001b[31m'
  PAXOS_CONTEXT=$'a\nb' run -2 "$DEPLOY"
  never 'docker *' 'kubectl *apply*' 'kind create*'
}

@test "help, in both languages, touches nothing" {
  run -0 "$DEPLOY" --help
  said KIND_NODE_IMAGE
  run -0 "$DEPLOY" -h --lang pt
  said 'Códigos de saída'
  [[ ! -s $LOG ]]
}

@test "an interrupt ends it with 130, tidied up" {
  cluster_up
  node acceptor1 acceptor '1|1|1|1|1|'
  export TMPDIR=$BATS_TEST_TMPDIR/tmp
  mkdir "$TMPDIR"
  # In the background of a script without job control SIGINT would be ignored.
  set -m
  "$DEPLOY" >"$WORLD/out" 2>&1 3>&- &
  local pid=$! code=0 i
  for ((i = 0; i < 100; i++)); do
    ! grep -q 'waiting for' "$WORLD/out" || break
    sleep 0.1
  done
  kill -INT -- "-$pid"
  wait "$pid" || code=$?
  set +m
  [[ $code == 130 ]]
  [[ -z $(ls -A "$TMPDIR") ]]
}
