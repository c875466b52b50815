#!/usr/bin/env bats
# setup-kubernetes-wsl.sh, in a world of stubs.

setup() {
  load kube
  world
  with go curl sudo
  export PAXOS_OS_RELEASE=$WORLD/os-release PAXOS_PROC_VERSION=$WORLD/version
  echo 'ID=debian' >"$WORLD/os-release"
  echo 'Linux version 6' >"$WORLD/version"
  # shellcheck disable=SC2016 # the stub's own
  printf '#!/bin/sh\necho "$(basename "$0") $*" >>"$LOG"\n' >"$WORLD/bin/apt-get"
  ln -s "$(command -v basename)" "$WORLD/tools/basename" 2>/dev/null || ln -s /usr/bin/basename "$WORLD/tools/basename"
  ln -s /bin/sh "$WORLD/tools/sh"
  chmod +x "$WORLD/bin/apt-get"
  ln -s apt-get "$WORLD/bin/service"
  ln -s apt-get "$WORLD/bin/systemctl"
  ln -s apt-get "$WORLD/bin/usermod"
  # What is installed is written down, not installed.
  rm "$WORLD/tools/install"
  ln -s apt-get "$WORLD/bin/install"
  SETUP=$SCRIPTS/setup-kubernetes-wsl.sh
}

@test "--check: a table, and 0 if all is there" {
  run -0 "$SETUP" --check
  said 'kubectl    1.34.1     1.30     ok' 'kind       0.33.0     0.24     ok' 'Everything is there'
}

@test "--check: what is missing or old, how to get it, and 1; nothing is touched" {
  without kubectl
  GO_STUB=1.19.8 run -1 "$SETUP" --check
  said 'kubectl    -          1.30     missing      v1.' 'go         1.19.8     1.26     too old'
  echo 'permission denied while trying to connect' >"$WORLD/docker.fails"
  run -1 "$SETUP" --check
  said 'no engine' 'usermod -aG docker'
  without docker
  run -1 "$SETUP" --check
  said 'apt-get install docker.io'
  never 'sudo *' 'apt-get *' 'curl *--output*'
}

@test "a kubectl older than what the manifests need is too old" {
  KUBECTL_STUB=1.29.9 run -1 "$SETUP" --check
  said 'kubectl    1.29.9     1.30     too old'
  KUBECTL_STUB=1.30.0 run -0 "$SETUP" --check
}

@test "kind is Go's if Go is there; minikube is asked for with --minikube" {
  without kind
  run -0 "$SETUP" --check
  said 'go tool'
  run -1 "$SETUP" --check --minikube
  said 'minikube   -          1.33     missing'
  with minikube
  run -0 "$SETUP" --check --minikube
}

@test "--dry-run prints the commands and runs none" {
  without kubectl docker
  run -0 "$SETUP" --dry-run
  said 'install --yes docker.io' 'https://dl.k8s.io/release/v' '/kubectl.sha256' 'install -m 0755'
  never 'sudo *' 'apt-get *' 'curl *--output*' 'install *'
}

@test "without a terminal and without --yes: exit code 2" {
  without kubectl
  run -2 "$SETUP" </dev/null
  said '--yes' '--dry-run'
  never 'curl *--output*'
}

@test "asks before every command; a no runs nothing" {
  without kubectl
  run -1 script -qec "$SETUP" /dev/null <<<n
  said '$ curl ' 'Run it? [y/N]' 'Not run.' 'kubectl was not installed'
  never 'curl *--output*' 'install *'
}

@test "a download whose checksum is not the published one is not installed" {
  without kubectl
  echo program >"$WORLD/download"
  echo "$(printf '%064d' 0)  kubectl" >"$WORLD/sum"
  run -1 "$SETUP" --yes
  said 'does not have the checksum'
  never 'install *' 'sudo install *'
  echo '<html>not found' >"$WORLD/sum"
  run -1 "$SETUP" --yes
  : >"$WORLD/sum"
  run -1 "$SETUP" --yes
  never 'install *' 'sudo install *'
  sha256sum <"$WORLD/download" >"$WORLD/sum"
  run -1 "$SETUP" --yes
  called '*install -m 0755 */kubectl /usr/local/bin/kubectl'
  # The stub installs nothing: the last word has the table.
  said 'is the published one' 'still missing'
}

@test "docker: installed, started, with the user in its group; sudo is shown" {
  [[ $(id -u) == 0 ]] || skip 'as another user sudo is in front'
  without docker
  run -1 "$SETUP" --yes
  called 'apt-get update' 'apt-get install --yes docker.io'
  said '$ apt-get install --yes docker.io'
}

@test "who is not root sees sudo" {
  rm "$WORLD/tools/id"
  # shellcheck disable=SC2016 # the stub's own
  printf '#!/bin/sh\ncase $1 in -u) echo 1000 ;; *) echo me ;; esac\n' >"$WORLD/bin/id"
  chmod +x "$WORLD/bin/id"
  without docker
  run -0 "$SETUP" --dry-run
  said '$ sudo apt-get update' '$ sudo usermod -aG docker me'
  never 'sudo *'
}

@test "WSL: how an engine comes there" {
  echo 'Linux version 5.15 microsoft-standard-WSL2' >"$WORLD/version"
  echo 'Cannot connect' >"$WORLD/docker.fails"
  run -1 "$SETUP" --check
  said 'Docker Desktop' 'systemd=true'
}

@test "neither Debian nor Ubuntu: by hand" {
  echo 'ID="fedora"' >"$WORLD/os-release"
  without kubectl
  run -1 "$SETUP" --yes
  said 'by hand'
  never 'apt-get *' 'curl *--output*'
  printf '%s\n' ID=mint 'ID_LIKE="ubuntu debian"' >"$WORLD/os-release"
  run -0 "$SETUP" --dry-run
  said 'dl.k8s.io'
}

@test "bad input is exit code 2; help in both languages" {
  local args
  for args in nonsense --nonsense '--check --yes' '--check --dry-run' '--kind --minikube' '--cluster x' '--lang zz' --lang; do
    # shellcheck disable=SC2086 # several arguments
    run -2 "$SETUP" $args
  done
  run -0 "$SETUP" --help
  run -0 "$SETUP" --help --lang pt
  said 'Debian, Ubuntu e WSL'
}
