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
      return 1
    fi
    sleep 1
  done
}

_kind_up() {
  local nodes
  if ! kind_has "$CLUSTER"; then
    say engine.create kind "$CLUSTER"
    kind_run create cluster --name "$CLUSTER" --config "$ROOT/k8s/kind.yaml" \
      ${KIND_NODE_IMAGE:+--image "$KIND_NODE_IMAGE"} || { complain engine.failed kind "$CLUSTER"; return 1; }
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
  local version=unknown commit=unknown tag id
  if command -v git >/dev/null; then
    version=$(git -C "$ROOT" describe --always --dirty 2>/dev/null) || version=unknown
    commit=$(git -C "$ROOT" rev-parse HEAD 2>/dev/null) || commit=unknown
  fi
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

# image_load puts IMAGE on every node that does not have it. An archive works
# with every engine's store of images; loading from the engine itself does not.
image_load() {
  local archive=$WORK/image.tar code=0
  if _image_loaded; then
    say image.loaded "$IMAGE"
    return
  fi
  say image.load "$IMAGE"
  docker save --output "$archive" "$IMAGE" || { complain image.noload "$IMAGE"; return 1; }
  if [[ $ENGINE == minikube ]]; then
    minikube --profile "$CLUSTER" image load "$archive" || code=1
  else
    kind_run load image-archive "$archive" --name "$CLUSTER" || code=1
  fi
  rm -f -- "$archive"
  ((code == 0)) || complain image.noload "$IMAGE"
  return "$code"
}

# A node reports its 50 largest images only: one that is not listed may be
# there, and is then loaded once more, which changes nothing.
_image_loaded() {
  local lines line
  lines=$(kube_wide get nodes -o 'jsonpath={range .items[*]}{.metadata.name}{" "}{.status.images[*].names}{"\n"}{end}') || return 1
  [[ -n $lines ]] || return 1
  while IFS= read -r line; do
    [[ $line == *[\"/]"$IMAGE\""* ]] || return 1
  done <<<"$lines"
}

# harmless passes text on without what a terminal would obey.
harmless() {
  LC_ALL=C tr -d '\000-\010\013-\037\177' | LC_ALL=C sed $'s/\xc2[\x80-\x9f]//g'
}
