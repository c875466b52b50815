# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names in capitals are shared with the files that source this one
# The tools that the cluster needs: what is there, and how the rest comes onto a
# Debian, an Ubuntu or a WSL. Nothing is run with more rights than asked for.

# The one place for versions: what is installed, and the oldest that will do.
KUBECTL_VERSION=v1.34.4 KIND_VERSION=v0.33.0 MINIKUBE_VERSION=v1.37.0 GO_VERSION=1.26.8
declare -gA NEEDED=([docker]=20.10 [kubectl]=1.30 [kind]=0.24 [minikube]=1.33 [go]=1.26 [curl]=7.68)

declare -gA FOUND_VERSION=() # of each tool, empty if it is missing
declare -gA STATE=()         # ok, missing, old, or off (of docker: no engine answers)
TOOLS=()

# tool_version TOOL sets REPLY to the version of what is in PATH.
tool_version() {
  local out='' number='([0-9]+(\.[0-9]+)+)'
  REPLY=''
  case $1 in
    # A toolchain that go.mod asks for would be fetched otherwise.
    go) out=$(cd / && GOTOOLCHAIN=local go version 2>/dev/null) || out='' ;;
    kubectl) out=$(kubectl version --client 2>/dev/null) || out='' ;;
    minikube) out=$(minikube version --short 2>/dev/null) || out='' ;;
    docker | curl) out=$("$1" --version 2>/dev/null) || out='' ;;
    kind) out=$(kind version 2>/dev/null) || out='' ;;
  esac
  [[ ! $out =~ $number ]] || REPLY=${BASH_REMATCH[1]}
}

# older A B succeeds if version A is older than B.
older() {
  local IFS=. i
  local -a a b
  read -r -a a <<<"$1"
  read -r -a b <<<"$2"
  for ((i = 0; i < ${#b[@]}; i++)); do
    ((10#${a[i]:-0} == 10#${b[i]})) || { ((10#${a[i]:-0} < 10#${b[i]})); return; }
  done
  return 1
}

# inspect TOOL… fills in FOUND_VERSION and STATE.
inspect() {
  local tool
  TOOLS=("$@")
  for tool in "$@"; do
    FOUND_VERSION[$tool]='' STATE[$tool]=missing
    if command -v "$tool" >/dev/null; then
      tool_version "$tool"
      FOUND_VERSION[$tool]=${REPLY:-?} STATE[$tool]=ok
      [[ -z $REPLY ]] || ! older "$REPLY" "${NEEDED[$tool]}" || STATE[$tool]=old
    fi
  done
  if [[ ${STATE[docker]} == ok ]] && ! DOCKER_WHY=$(docker version --format '{{.Server.Version}}' 2>&1); then
    STATE[docker]=off
  fi
  # go.mod has a kind of its own, for whoever has Go.
  if [[ ${STATE[kind]-ok} == missing && ${STATE[go]} == ok ]]; then
    STATE[kind]=ok FOUND_VERSION[kind]='go tool'
  fi
}

# all_there succeeds if everything is there.
all_there() {
  local tool
  for tool in "${TOOLS[@]}"; do
    [[ ${STATE[$tool]} == ok ]] || return 1
  done
}

report() {
  local tool state
  say setup.head
  for tool in "${TOOLS[@]}"; do
    text "setup.${STATE[$tool]}"
    state=$REPLY
    REPLY=''
    [[ ${STATE[$tool]} == ok ]] || how "$tool"
    printf '%-10s %-10s %-8s %-12s %s\n' "$tool" "${FOUND_VERSION[$tool]:--}" "${NEEDED[$tool]}" "$state" "$REPLY"
  done
}

# how TOOL sets REPLY to how to get it, in a line.
how() {
  case $1 in
    docker)
      if [[ ${STATE[docker]} != off ]]; then
        text setup.how.docker
      elif [[ $DOCKER_WHY == *'ermission denied'* ]]; then
        text setup.how.group
      elif [[ -n $WSL && ! -d /run/systemd/system ]]; then
        text setup.how.wsl
      else
        text setup.how.engine
      fi
      ;;
    curl) text setup.how.package curl ;;
    kubectl) text setup.how.download "$KUBECTL_VERSION" https://kubernetes.io/docs/tasks/tools/ ;;
    kind) text setup.how.kind "$KIND_VERSION" ;;
    minikube) text setup.how.download "$MINIKUBE_VERSION" https://minikube.sigs.k8s.io/docs/start/ ;;
    go) text setup.how.download "$GO_VERSION" https://go.dev/dl/ ;;
  esac
}

# system_find sets SYSTEM to debian, ubuntu or other, WSL and ARCH.
system_find() {
  local release=${PAXOS_OS_RELEASE:-/etc/os-release} proc=${PAXOS_PROC_VERSION:-/proc/version} line id='' like=''
  SYSTEM=other WSL=''
  if [[ -r $release ]]; then
    while IFS= read -r line; do
      line=${line//\"/}
      case $line in ID=*) id=${line#ID=} ;; ID_LIKE=*) like=${line#ID_LIKE=} ;; esac
    done <"$release"
  fi
  case " $id $like " in
    *' ubuntu '*) SYSTEM=ubuntu ;;
    *' debian '*) SYSTEM=debian ;;
  esac
  if [[ -r $proc ]] && grep -qi microsoft "$proc"; then WSL=yes; fi
  case $(uname -m) in
    x86_64) ARCH=amd64 ;;
    aarch64 | arm64) ARCH=arm64 ;;
    *) ARCH='' ;;
  esac
}

# step COMMAND… shows a command, asks, and runs it.
step() {
  local line='' word shown=''
  for word in "$@"; do
    [[ $word =~ ^[A-Za-z0-9_./:=@%+-]+$ ]] || printf -v word '%q' "$word"
    shown+=" $word"
  done
  printf '  $%s\n' "$shown"
  [[ -z ${OPT[--dry-run]-} ]] || return 0
  if [[ -z ${OPT[--yes]-} ]]; then
    text setup.ask
    IFS= read -r -p "$REPLY" line || line=''
    [[ $line == [yYsS] || $line == yes || $line == sim ]] || { say setup.skipped; return 1; }
  fi
  "$@"
}

# root COMMAND… is step with root's rights.
root() {
  if [[ $(id -u) == 0 ]]; then step "$@"; else step sudo "$@"; fi
}

# fetched NAME URL SUMS downloads a file into WORK and compares it with the
# checksum published beside it, which is the first word of SUMS.
fetched() {
  local want have
  step curl --fail --location --silent --show-error --proto '=https' --output "$WORK/$1" "$2" || return 1
  step curl --fail --location --silent --show-error --proto '=https' --output "$WORK/$1.sum" "$3" || return 1
  [[ -z ${OPT[--dry-run]-} ]] || { say setup.compares "$1"; return 0; }
  read -r want _ <"$WORK/$1.sum" || [[ -n $want ]] || return 1
  read -r have _ < <(sha256sum "$WORK/$1")
  if [[ ! $want =~ ^[0-9a-f]{64}$ || $want != "$have" ]]; then
    complain setup.checksum "$1" "$2"
    rm -f -- "$WORK/$1"
    return 1
  fi
  say setup.matches "$1"
}

# install TOOL
install_tool() {
  local base file
  say setup.installing "$1"
  if [[ -z $ARCH && $1 != docker && $1 != curl ]]; then
    complain setup.arch "$(uname -m)"
    return 1
  fi
  case $1 in
    docker) install_docker ;;
    curl) root apt-get update && root apt-get install --yes curl ca-certificates ;;
    kubectl)
      base=https://dl.k8s.io/release/$KUBECTL_VERSION/bin/linux/$ARCH/kubectl
      fetched kubectl "$base" "$base.sha256" && root install -m 0755 "$WORK/kubectl" /usr/local/bin/kubectl
      ;;
    kind)
      base=https://github.com/kubernetes-sigs/kind/releases/download/$KIND_VERSION/kind-linux-$ARCH
      fetched kind "$base" "$base.sha256sum" && root install -m 0755 "$WORK/kind" /usr/local/bin/kind
      ;;
    minikube)
      base=https://github.com/kubernetes/minikube/releases/download/$MINIKUBE_VERSION/minikube-linux-$ARCH
      fetched minikube "$base" "$base.sha256" && root install -m 0755 "$WORK/minikube" /usr/local/bin/minikube
      ;;
    go)
      file=go$GO_VERSION.linux-$ARCH.tar.gz
      base=https://dl.google.com/go/$file
      fetched "$file" "$base" "$base.sha256" && root rm -rf /usr/local/go &&
        root tar -C /usr/local -xzf "$WORK/$file" && root ln -sf /usr/local/go/bin/go /usr/local/bin/go
      ;;
  esac
}

install_docker() {
  if [[ ${STATE[docker]} != off ]]; then
    root apt-get update && root apt-get install --yes docker.io || return 1
  fi
  if [[ -d /run/systemd/system ]]; then
    root systemctl enable --now docker || return 1
  else
    root service docker start || return 1
  fi
  [[ $(id -u) == 0 ]] || root usermod -aG docker "$(id -un)" || return 1
  [[ $(id -u) == 0 ]] || say setup.relogin
}
