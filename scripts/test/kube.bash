# shellcheck shell=bash
# A world made of files for the scripts that speak to Kubernetes: programs that
# are called kubectl, docker, kind, minikube and go, write down how they were
# called, and answer from the files in WORLD. No real one is in the PATH.

load helpers
unset PAXOS_CONTEXT PAXOS_BUILD_NETWORK KIND_NODE_IMAGE KUBECONFIG

world() {
  local tool
  WORLD=$BATS_TEST_TMPDIR/world
  LOG=$WORLD/log
  export WORLD LOG
  mkdir -p "$WORLD/bin" "$WORLD/tools" "$WORLD/objects"
  : >"$LOG"
  for tool in awk base64 bash cat chmod cp cut date env find grep head id install ln ls mktemp mkdir mv rm script sed sha256sum sleep sort tail tee timeout tr uname wc; do
    ln -sf "$(command -v "$tool")" "$WORLD/tools/$tool"
  done
  cp "$BATS_TEST_DIRNAME/stub.bash" "$WORLD/bin/stub"
  chmod +x "$WORLD/bin/stub"
  for tool in kubectl docker kind git; do ln -sf stub "$WORLD/bin/$tool"; done
  PATH=$WORLD/bin:$WORLD/tools
  echo aaaaaaaaaaaa1111 >"$WORLD/image"
  rendered paxos:local 30 >"$WORLD/render.yaml"
}

# with TOOL… puts more programs there, without TOOL… takes them away.
with() {
  local tool
  for tool in "$@"; do ln -sf stub "$WORLD/bin/$tool"; done
}

without() {
  local tool
  for tool in "$@"; do rm -f "$WORLD/bin/$tool"; done
}

# cluster_up [NAME] is a kind cluster that is there.
cluster_up() {
  echo "${1:-paxos}" >>"$WORLD/clusters"
  echo "kind-${1:-paxos}" >>"$WORLD/contexts"
}

# ours is a namespace of ours.
ours() {
  echo 'paxos|paxos|Active' >"$WORLD/namespace"
}

# rendered IMAGE GRACE is an overlay of four nodes, as kustomize writes it.
rendered() {
  local name
  printf '%s\n' 'apiVersion: v1' 'kind: Namespace' 'metadata:' '  labels:' '    app.kubernetes.io/part-of: paxos' '  name: paxos' '---'
  printf '%s\n' 'apiVersion: v1' 'data:' '  PAXOS_ACCEPTORS: acceptor1,acceptor2' '  PAXOS_X: |' '    kind: Trap' '    image: paxos:local' 'kind: ConfigMap' 'metadata:' '  name: paxos-config' '  namespace: paxos'
  for name in proposer1 acceptor2 acceptor1 learner1 client1; do
    printf '%s\n' '---' 'apiVersion: apps/v1' 'kind: Deployment' 'metadata:' "  name: $name" '  namespace: paxos' 'spec:' '  replicas: 1' '  template:' '    metadata:' '      labels:' "        app: $name" \
      '    spec:' '      containers:' '      - args:' '        - --x' '        envFrom:' '        - configMapRef:' '            name: paxos-config' "        image: $1" "      terminationGracePeriodSeconds: $2"
  done
}

# node NAME ROLE FIELDS… is a Deployment as the scripts ask for it; by default
# it is ready.
node() {
  echo "$1|$2|${3:-1|1|1|1|1|1}" >>"$WORLD/deployments"
}

# network is four nodes that are well, of which proposer1 leads.
network() {
  local name
  for name in acceptor1:acceptor client1:client learner1:learner proposer1:proposer; do
    node "${name%:*}" "${name#*:}"
    printf '{"node":"%s","status":"ok","start":"S%s","state":{"why":""}}' "${name%:*}" "${name%:*}" >"$WORLD/${name%:*}.health"
  done
  echo '{"progress":"done","current":"c1","waiting":null}' >"$WORLD/init"
  echo '{"node":"proposer1","leading":true,"phase":"leading"}' >"$WORLD/proposer1.leader"
}

# voting is what the nodes of rendered say when all is well; unheard ACCEPTOR,
# what the leader says then.
voting() {
  local name
  for name in acceptor1 acceptor2; do printf '{"node":"%s","status":"ok","start":"S"}' "$name" >"$WORLD/$name.health"; done
  unheard ''
}

unheard() {
  local name list=''
  for name in acceptor1 acceptor2; do
    list+="${list:+,}{\"node\":\"$name\",\"answering\":$([[ $name == "$1" ]] && echo false || echo true)}"
  done
  echo "{\"node\":\"proposer1\",\"leading\":true,\"phase\":\"leading\",\"acceptors\":[$list]}" >"$WORLD/proposer1.leader"
}

# all_nodes are the Deployments of rendered, ready.
all_nodes() {
  local name
  : >"$WORLD/deployments"
  for name in acceptor1 acceptor2 client1 learner1 proposer1; do node "$name" "${name%[0-9]}"; done
}

# broken_by NAME makes a node that is not ready once its Deployment was changed.
broken_by() {
  echo "$1" >"$WORLD/breaks"
}

# called PATTERN… succeeds if such calls were made, in this order.
called() {
  local pattern line n=0
  local -a lines
  mapfile -t lines <"$LOG"
  for pattern in "$@"; do
    while :; do
      if ((n >= ${#lines[@]})); then
        printf 'not called: %s\n' "$pattern" >&2
        cat "$LOG" >&2
        return 1
      fi
      line=${lines[n]} n=$((n + 1))
      # shellcheck disable=SC2053 # the right side is a pattern
      [[ $line != $pattern ]] || break
    done
  done
}

never() {
  local pattern
  for pattern in "$@"; do
    ! called "$pattern" 2>/dev/null || { printf 'called: %s\n' "$pattern" >&2; return 1; }
  done
}

# said TEXT… succeeds if the output has each of these.
said() {
  local part
  for part in "$@"; do
    # shellcheck disable=SC2154 # set by run
    [[ $output == *"$part"* ]] || { printf 'not said: %s\n---\n%s\n' "$part" "$output" >&2; return 1; }
  done
}

# tidy succeeds if every call of kubectl named its context, and its namespace
# where there is one to name, and nothing else was ever named.
tidy() {
  local line bad=0
  while IFS= read -r line; do
    case $line in
      'kubectl config get-contexts'* | 'kubectl config current-context' | 'kubectl config use-context '* | 'kubectl kustomize '*) ;;
      "kubectl --context ${1:-kind-paxos} --namespace paxos "*) ;;
      "kubectl --context ${1:-kind-paxos} get --raw /readyz"* | "kubectl --context ${1:-kind-paxos} get n"* | "kubectl --context ${1:-kind-paxos} get storageclasses "*) ;;
      "kubectl --context ${1:-kind-paxos} get validatingadmission"*' paxos-one-pod-per-node '* | "kubectl --context ${1:-kind-paxos} delete validatingadmission"*) ;;
      "kubectl --context ${1:-kind-paxos} delete namespace paxos "* | "kubectl --context ${1:-kind-paxos} wait "*namespace/paxos*) ;;
      "kubectl --context ${1:-kind-paxos} apply -f "*/namespace.yaml | "kubectl --context ${1:-kind-paxos} api-resources "*) ;;
      kubectl*)
        printf 'untidy: %s\n' "$line" >&2
        bad=1
        ;;
    esac
  done <"$LOG"
  return "$bad"
}
