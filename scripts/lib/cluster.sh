# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names in capitals are shared with the files that source this one
# The machine below: Docker, and the clusters that kind or minikube makes of it.
# Those tools switch the kubeconfig's current context to what they make; here it
# is put back, because it is the user's.

ROOT=$(CDPATH='' cd -- "$LIB/../.." && pwd)

# kind_run ARGUMENT… is the kind in PATH, else that of the repository's go.mod.
kind_run() {
  if command -v kind >/dev/null; then
    kind "$@"
  else
    # What is relative in KUBECONFIG is so to the directory of the user.
    (_kubeconfig_whole && cd -- "$ROOT" && go tool kind "$@")
  fi
}

_kubeconfig_whole() {
  local path whole='' rest=${KUBECONFIG-}:
  [[ -n ${KUBECONFIG-} ]] || return 0
  while [[ -n $rest ]]; do
    path=${rest%%:*} rest=${rest#*:}
    [[ -z $path || $path == /* ]] || path=$PWD/$path
    whole+="${whole:+:}$path"
  done
  export KUBECONFIG=$whole
}

# kind_has NAME succeeds if there is such a kind cluster.
kind_has() {
  local names
  command -v kind >/dev/null || command -v go >/dev/null || return 1
  names=$(kind_run get clusters 2>/dev/null) || return 1
  [[ $'\n'$names$'\n' == *$'\n'"$1"$'\n'* ]]
}

# engine_there checks what ENGINE needs on this machine.
engine_there() {
  [[ $ENGINE != other ]] || return 0
  local why
  command -v docker >/dev/null || { complain engine.nodocker; return 1; }
  if ! why=$(docker version --format '{{.Server.Version}}' 2>&1); then
    why=${why//$'\n'/ }
    why=${why#"${why%%[! ]*}"}
    json_show "${why::300}"
    complain engine.docker "$REPLY"
    return 1
  fi
  if [[ $ENGINE == minikube ]]; then
    command -v minikube >/dev/null || { complain engine.nominikube; return 1; }
  elif ! command -v kind >/dev/null && ! command -v go >/dev/null; then
    complain engine.nokind
    return 1
  fi
}

# current_keep notes the user's current context, current_restore puts it back,
# once: another one that is there later is the user's own choice.
CURRENT=''
current_keep() {
  CURRENT=$(kubectl config current-context 2>/dev/null) || CURRENT=''
}

current_restore() {
  local now
  [[ -n $CURRENT ]] || return 0
  now=$(kubectl config current-context 2>/dev/null) || now=''
  [[ $now == "$CURRENT" ]] || kubectl config use-context "$CURRENT" >/dev/null || return 1
  CURRENT=''
}

# engine_up makes sure that the cluster is there and answers.
engine_up() {
  case $ENGINE in
    kind) _kind_up || return 1 ;;
    minikube) _minikube_up || return 1 ;;
    *)
      CURRENT=''
      kube_there
      return
      ;;
  esac
  current_restore
  local until=$((SECONDS + 90))
  while ! kube_answers; do
    if ((SECONDS >= until)); then
      complain engine.mute "$CONTEXT" "$CLUSTER"
      [[ $ENGINE != kind ]] || ! kind_bare "$CLUSTER" || _half_made
      return 1
    fi
    sleep 1
  done
  [[ $ENGINE != kind || -n $MADE ]] || _kind_whole "$until"
}

# kind_bare NAME succeeds if no node of a kind cluster ever had a database, so
# that nothing can be in it. A node that cannot be asked may have one.
kind_bare() {
  local node nodes
  nodes=$(kind_run get nodes --name "$1" 2>/dev/null) && [[ -n $nodes ]] || return 1
  while IFS= read -r node; do
    [[ $(docker exec "$node" sh -c 'if [ -e /var/lib/etcd/member ]; then echo used; else echo bare; fi' </dev/null 2>/dev/null) == bare ]] || return 1
  done <<<"$nodes"
}

_half_made() {
  cluster_option
  complain engine.half "$CLUSTER" "$REPLY"
}

# cluster_option sets REPLY to the option that names CLUSTER, if it needs one.
cluster_option() {
  REPLY=''
  [[ $CLUSTER == paxos ]] || REPLY=" --cluster $CLUSTER"
}

# _kind_whole DEADLINE fails unless a node is ready, of now and not of before a
# start, and the overlays for kind find a StorageClass.
_kind_whole() {
  local lines line classes ready
  while :; do
    lines=$(kube_wide get nodes --request-timeout=10s -o 'jsonpath={range .items[*]}{.metadata.name}{"|"}{range .status.conditions[?(@.type=="Ready")]}{.status}{"|"}{.lastHeartbeatTime}{end}{"\n"}{end}') || lines=''
    ready=''
    while IFS= read -r line; do
      [[ $line != *'|True|'* || (-n $STARTED && ! ${line##*|} > $STARTED) ]] || ready=yes
    done <<<"$lines"
    [[ -z $ready ]] || break
    if ((SECONDS >= $1)); then
      # What was stopped may have data, and is only slow.
      if [[ -n $STARTED ]]; then complain engine.unready "$CLUSTER" "$CONTEXT"; else _half_made; fi
      return 1
    fi
    sleep 1
  done
  [[ $OVERLAY == "$ROOT"/k8s/overlays/kind || $OVERLAY == "$ROOT"/k8s/overlays/five-acceptors ]] || return 0
  classes=$(kube_wide get storageclasses --request-timeout=10s -o name) || { complain kube.silent "$CONTEXT"; return 1; }
  [[ -n $classes ]] || { _half_made; return 1; }
}

# kind_undo deletes the cluster whose making did not come to its end. One that
# somebody else made meanwhile under the same name is not ours to delete.
BEGUN=''   # the cluster that is being made
MADE=''    # whether it was made just now
STARTED='' # when stopped nodes were started, if they were
kind_undo() {
  [[ -n $BEGUN ]] || return 0
  BEGUN=''
  ! grep -q 'already exist' "$WORK/kind" 2>/dev/null || return 0
  kind_has "$CLUSTER" || return 0
  complain engine.undo "$CLUSTER"
  kind_run delete cluster --name "$CLUSTER" >&2 || _half_made
}

_kind_make() {
  say engine.create kind "$CLUSTER"
  BEGUN=yes
  if ! kind_run create cluster --name "$CLUSTER" --config "$ROOT/k8s/kind.yaml" \
    ${KIND_NODE_IMAGE:+--image "$KIND_NODE_IMAGE"} 2>&1 | tee "$WORK/kind" >&2; then
    complain engine.failed kind "$CLUSTER"
    ! grep -qE 'port is already allocated|Bind for|address already in use' "$WORK/kind" || complain engine.ports
    return 1
  fi
  BEGUN='' MADE=yes
}

_kind_up() {
  local nodes
  if ! kind_has "$CLUSTER"; then
    _kind_make
    return
  fi
  say engine.there kind "$CLUSTER"
  # Another kubeconfig than the one that the cluster was made with.
  kube_knows || kind_run export kubeconfig --name "$CLUSTER" || { complain engine.failed kind "$CLUSTER"; return 1; }
  kube_answers && return
  # After a restart of the machine the nodes may be stopped.
  mapfile -t nodes < <(kind_run get nodes --name "$CLUSTER" 2>/dev/null)
  ((${#nodes[@]} > 0)) || return 0
  say engine.start "$CLUSTER"
  STARTED=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  docker start "${nodes[@]}" >/dev/null || { complain engine.failed kind "$CLUSTER"; return 1; }
}

_minikube_up() {
  if minikube status --profile "$CLUSTER" >/dev/null 2>&1 && kube_answers; then
    say engine.there minikube "$CLUSTER"
    return
  fi
  say engine.create minikube "$CLUSTER"
  minikube start --profile "$CLUSTER" --keep-context || { complain engine.failed minikube "$CLUSTER"; return 1; }
}

# image_build builds the image and sets IMAGE to its name, which is made of its
# id: another content has another name, so that Deployments notice. WORK is a
# directory for what is written on the way.
IMAGE=''
image_build() {
  local version commit tag id
  _image_version
  # A name of its own, because an old image under a fixed one would pass for
  # what a builder left elsewhere than in the engine.
  tag=paxos:build-$$
  say image.build "$version"
  # Attestations hold the time of the build: with them every build, changed or
  # not, has another id on engines that keep images as containerd does.
  if ! BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build ${PAXOS_BUILD_NETWORK:+--network "$PAXOS_BUILD_NETWORK"} \
    --build-arg "VERSION=$version" --build-arg "COMMIT=$commit" --tag "$tag" "$ROOT" >"$WORK/build" 2>&1; then
    tail -n 30 "$WORK/build" | harmless >&2
    complain image.failed
    return 1
  fi
  if ! id=$(docker image inspect --format '{{.Id}}' "$tag" 2>/dev/null) || [[ ! ${id#sha256:} =~ ^[0-9a-f]{12} ]]; then
    complain image.lost
    return 1
  fi
  IMAGE=paxos:${BASH_REMATCH[0]}
  docker tag "$tag" "$IMAGE" || { complain image.failed; return 1; }
  # The other name stays; a name too many harms nothing.
  docker image rm "$tag" >/dev/null || true
}

# _image_version sets version and commit to those of what the image is made of:
# another manifest or script must not make another image.
_image_version() {
  local line changes
  local -a paths=(Dockerfile go.mod go.sum acceptor client cmd gossip internal kv learner paxos proposer)
  version=unknown commit=unknown
  command -v git >/dev/null || return 0
  line=$(git -C "$ROOT" log -1 --format='%h %H' -- "${paths[@]}" 2>/dev/null) || return 0
  [[ $line == *' '* ]] || return 0
  version=${line% *} commit=${line#* }
  changes=$(git -C "$ROOT" status --porcelain -- "${paths[@]}" 2>/dev/null) || changes=unknown
  [[ -z $changes ]] || version+=-dirty
}

# image_load puts IMAGE on every node that does not have it. An archive works
# with every engine's store of images; loading from the engine itself does not.
image_load() {
  local archive=$WORK/image.tar code=0
  local -a names=("$IMAGE")
  if _image_loaded; then
    say image.loaded "$IMAGE"
    return
  fi
  say image.load "$IMAGE"
  if _image_named; then
    docker tag "$IMAGE" paxos:local || { complain image.noload "$IMAGE"; return 1; }
    names+=(paxos:local)
  fi
  docker save --output "$archive" "${names[@]}" || { complain image.noload "$IMAGE"; return 1; }
  if [[ $ENGINE == minikube ]]; then
    minikube --profile "$CLUSTER" image load "$archive" || code=1
  else
    kind_run load image-archive "$archive" --name "$CLUSTER" || code=1
  fi
  rm -f -- "$archive"
  ((code == 0)) || complain image.noload "$IMAGE"
  return "$code"
}

# _image_named succeeds if the nodes get the image under the manifests' own name
# too: who applies them by hand finds it.
_image_named() {
  [[ $IMAGE == paxos:* && $IMAGE != paxos:local ]]
}

# A node reports its 50 largest images only: one that is not listed may be
# there, and is then loaded once more, which changes nothing.
_image_loaded() {
  local lines line
  lines=$(kube_wide get nodes -o 'jsonpath={range .items[*]}{.metadata.name}{" "}{.status.images[*].names}{"\n"}{end}') || return 1
  [[ -n $lines ]] || return 1
  while IFS= read -r line; do
    [[ $line == *[\"/]"$IMAGE\""* ]] || return 1
    ! _image_named || [[ $line =~ [\"/]"$IMAGE\""[^]]*[\"/]paxos:local\" ]] || return 1
  done <<<"$lines"
}

# harmless passes text on without what a terminal would obey.
harmless() {
  LC_ALL=C tr -d '\000-\010\013-\037\177' | LC_ALL=C sed $'s/\xc2[\x80-\x9f]//g'
}
