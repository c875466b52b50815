#!/usr/bin/env bash
# What kubectl, docker, kind, minikube, go, curl, sudo and git are in the tests of
# the scripts for Kubernetes: they answer from the files in WORLD (test/kube.bash).
set -uo pipefail
me=${0##*/}
line="$me $*"
printf '%s\n' "${line//$'\n'/ }" >>"$LOG"

answer() {
  [[ ! -e $WORLD/$1 ]] || cat "$WORLD/$1"
}

# broken NAME ends the call as a failure if there is such a file.
broken() {
  [[ -e $WORLD/$1.fails ]] || return 0
  cat "$WORLD/$1.fails" >&2
  exit 1
}

# documents FILE sets DOCS to Kind/name of what is in a file, BODY to their texts.
documents() {
  local text kind name doc=''
  DOCS=() BODY=()
  while IFS= read -r text || [[ -n $doc ]]; do
    if [[ $text == --- || -z $text ]]; then
      kind=$(sed -n 's/^kind: //p' <<<"$doc") name=$(sed -n 's/^  name: //p' <<<"$doc")
      DOCS+=("$kind/$name")
      BODY+=("$doc")
      doc=''
      continue
    fi
    doc+=$text$'\n'
  done <"$1"
}

files() {
  FILES=()
  while (($# > 0)); do
    case $1 in -f) FILES+=("$2") ;; --filename=*) FILES+=("${1#*=}") ;; esac
    shift
  done
}

kubectl_apply() {
  local file i at what
  files "$@"
  broken apply
  for file in "${FILES[@]}"; do
    documents "$file"
    for i in "${!DOCS[@]}"; do
      at=$WORLD/objects/${DOCS[i]//\//-} what=configured
      if [[ ! -e $at ]]; then
        what=created
      elif [[ $(cat "$at") == "${BODY[i]%$'\n'}" && ${DOCS[i]} != ConfigMap* ]]; then
        what=unchanged
      fi
      printf '%s' "${BODY[i]}" >"$at"
      if [[ $what == configured && ${DOCS[i]} == Deployment/* ]]; then
        # What a test says that comes of the change.
        [[ ! -e $WORLD/breaks || $(cat "$WORLD/breaks") != "${DOCS[i]#*/}" ]] || sed -i "s/^\\(${DOCS[i]#*/}|[a-z]*\\)|.*/\\1|1|2|2|1|1|/" "$WORLD/deployments"
        [[ ! -e $WORLD/deaf || $(cat "$WORLD/deaf") != "${DOCS[i]#*/}" ]] || sed -i "s/\"${DOCS[i]#*/}\",\"answering\":true/\"${DOCS[i]#*/}\",\"answering\":false/" "$WORLD/proposer1.leader"
        [[ ! -e $WORLD/slow ]] || echo "${DOCS[i]#*/}" >"$WORLD/slow"
      fi
      [[ ${DOCS[i]} != Namespace/* ]] || echo 'paxos|paxos|Active' >"$WORLD/namespace"
      printf 'changed %s %s\n' "${DOCS[i]}" "$what" >>"$LOG"
      printf '%s %s\n' "${DOCS[i]}" "$what"
    done
  done
}

kubectl_prints() {
  local file doc
  files "$@"
  for file in "${FILES[@]}"; do
    documents "$file"
    for doc in "${DOCS[@]}"; do
      [[ ! -e $WORLD/objects/${doc//\//-} ]] || printf '%s|%s\n' "$doc" "$(sha256sum <"$WORLD/objects/${doc//\//-}")"
    done
  done
}

# kubectl_turns PREFIX ARGUMENT… prints replicas and template of Deployments, as
# they are there or, with a prefix that is empty, as the files have them.
kubectl_turns() {
  local file i at=$1 body
  shift
  files "$@"
  for file in "${FILES[@]}"; do
    documents "$file"
    for i in "${!DOCS[@]}"; do
      body=${BODY[i]%$'\n'}
      [[ -z $at ]] || { body=$(cat "$at/${DOCS[i]//\//-}" 2>/dev/null) || continue; }
      printf '%s|%s|%s\n' "${DOCS[i]}" "$(sed -n 's/^  replicas: //p' <<<"$body")" "$(grep -v '^  replicas: ' <<<"$body" | sha256sum)"
    done
  done
}

kubectl_deployments() {
  local file
  if [[ -e $WORLD/deployments ]]; then
    cat "$WORLD/deployments"
    # What comes after the first look, if a test says so.
    [[ ! -e $WORLD/deployments.next ]] || mv "$WORLD/deployments.next" "$WORLD/deployments"
    return
  fi
  for file in "$WORLD"/objects/Deployment-*; do
    [[ -e $file ]] || continue
    file=${file##*/Deployment-}
    if [[ -e $WORLD/slow && $(cat "$WORLD/slow") == "$file" ]]; then
      printf '%s|%s|1|2|2|1|1|\n' "$file" "${file%%[0-9]*}"
      : >"$WORLD/slow"
    else
      printf '%s|%s|1|1|1|1|1|1\n' "$file" "${file%%[0-9]*}"
    fi
  done
}

kubectl_raw() {
  local path=$1
  case $path in
    /readyz) [[ ! -e $WORLD/silent ]] || exit 1 ;;
    *services/*:http/proxy/*)
      if [[ $me == kubectl && -e $WORLD/dial ]]; then
        echo 'Error from server (ServiceUnavailable): error trying to reach service: dial tcp 10.244.0.7:4000: i/o timeout' >&2
        exit 1
      fi
      path=${path#*services/}
      path=$WORLD/${path%%:*}.${path##*/}
      [[ -e $path ]] || { echo 'Error from server (ServiceUnavailable): no endpoints' >&2; exit 1; }
      cat "$path"
      ;;
  esac
}

stub_kubectl() {
  local first
  case "$*" in
    'config current-context') answer current; [[ -e $WORLD/current ]]; exit ;;
    'config get-contexts -o name') broken config; case ${KUBECONFIG-} in */kubeconfig) cat "$KUBECONFIG" ;; esac; answer contexts; exit ;;
    'config use-context '*) echo "$3" >"$WORLD/current"; exit ;;
    'kustomize '*) broken render; answer render.yaml; exit ;;
  esac
  [[ ${1-} == --context ]] || { echo 'no context' >&2; exit 97; }
  shift 2
  [[ ${1-} != --namespace ]] || shift 2
  first=$1
  case "$*" in
    'get --raw '*) kubectl_raw "$3" ;;
    'create --raw '*)
      cat >/dev/null
      [[ ! -e $WORLD/dial ]] || kubectl_raw "$3"
      broken init
      answer init
      ;;
    'create -f -') cat >"$WORLD/secret" ;;
    'get namespace paxos '*) answer namespace ;;
    'get namespaces '*) answer namespaces ;;
    'get configmap paxos-config '*) answer voters ;;
    'get secret '*) [[ ! -e $WORLD/secret ]] || echo secret/paxos-gossip-key ;;
    'get --filename='*.spec.template*) kubectl_turns "$WORLD/objects" "$@" ;;
    'get --filename='*) kubectl_prints "$@" ;;
    'apply '*--dry-run=server*) broken apply; kubectl_turns '' "$@" ;;
    'port-forward '*)
      [[ -e $WORLD/forward ]] || exit 1
      echo "Forwarding from 127.0.0.1:$(sed -n "s|^${3#service/} ||p" "$WORLD/forward") -> 3000"
      echo $$ >>"$WORLD/pids"
      exec sleep 60
      ;;
    'apply '*) kubectl_apply "$@" ;;
    'get nodes '*images*) answer images ;;
    'get nodes '*Heartbeat*) if [[ -e $WORLD/nodes ]]; then cat "$WORLD/nodes"; else echo 'paxos-control-plane|True|2999-01-01T00:00:00Z'; fi ;;
    'get storageclasses '*) [[ -e $WORLD/noclass ]] || echo storageclass.storage.k8s.io/standard ;;
    'get deployments '*) kubectl_deployments ;;
    'get pods '*template*) answer pods ;;
    'get pods '*) ;;
    'get events '*template*) answer events ;;
    'get events '*) answer events.text ;;
    'get services '*) answer services ;;
    'get persistentvolumeclaims '*) answer claims ;;
    'get validating'*) answer policies ;;
    'logs '*--previous*) exit 1 ;;
    'logs '*) printf 'the log of %s\e[31m\n' "$2" ;;
    'api-resources '*) [[ -e $WORLD/kinds.none ]] || printf '%s\n' configmaps endpoints persistentvolumeclaims pods secrets services deployments.apps; broken kinds ;;
    'get '*' -o name') answer names ;;
    'delete namespace '*) broken delete; rm -f "$WORLD/namespace" ;;
    'delete '*) broken delete ;;
    'wait '*) rm -f "$WORLD/namespace" ;;
    'rollout restart '*) ;;
    *) echo "no answer for: $first $*" >&2; exit 98 ;;
  esac
}

stub_docker() {
  case "$*" in
    'version '*) broken docker; echo 28.0 ;;
    --version) echo 'Docker version 28.0.1, build x' ;;
    'build '*) broken build; [[ ! -e $WORLD/meanwhile ]] || cat "$WORLD/meanwhile" >"$WORLD/current"; printf 'attestations off: %s\n' "${BUILDX_NO_DEFAULT_ATTESTATIONS-}" >>"$LOG" ;;
    'image inspect --format '*) [[ -s $WORLD/image ]] && echo "sha256:$(cat "$WORLD/image")" ;;
    'image inspect '*) [[ -e $WORLD/local ]] ;;
    'save --output '*) echo archive >"$3" ;;
    'start '*) rm -f "$WORLD/silent" ;;
    'tag '* | 'image rm '*) ;;
    'exec '*) answer etcd ;;
    *) exit 98 ;;
  esac
}

stub_kind() {
  case "$*" in
    version) echo 'kind v0.33.0 go1.26 linux/amd64' ;;
    'get clusters') answer clusters ;;
    'create cluster '*)
      echo "$4" >>"$WORLD/clusters"
      echo "kind-$4" | tee -a "$WORLD/contexts" >"$WORLD/current"
      [[ ! -e $WORLD/create.undone ]] || rm "$WORLD/clusters"
      [[ ! -e $WORLD/create.hangs ]] || exec sleep 60
      broken create
      ;;
    'export kubeconfig '*' --kubeconfig '*) broken export; echo "kind-$4" >"$6" ;;
    'export kubeconfig '*) echo "kind-$4" | tee -a "$WORLD/contexts" >"$WORLD/current" ;;
    'get nodes '*) echo "$4-control-plane" ;;
    'load image-archive '*) [[ -s $3 ]] || exit 1; printf 'node ["docker.io/library/paxos:%s","docker.io/library/paxos:local"]\n' "$(head -c 12 "$WORLD/image")" >"$WORLD/images" ;;
    'delete cluster '*) rm -f "$WORLD/clusters" ;;
    *) exit 98 ;;
  esac
}

stub_minikube() {
  case "$*" in
    'version --short') echo v1.37.0 ;;
    'status '*) [[ -e $WORLD/profile ]] ;;
    'start '*) : >"$WORLD/profile"; echo paxos >>"$WORLD/contexts" ;;
    'profile list '*) [[ ! -e $WORLD/profile ]] || echo '{"valid":[{"Name":"paxos"}]}' ;;
    *' image load '*) [[ -s $5 ]] ;;
    'delete '*) rm -f "$WORLD/profile" ;;
    *) exit 98 ;;
  esac
}

case $me in
  kubectl)
    if [[ "$*" == 'version --client' ]]; then echo "Client Version: v${KUBECTL_STUB:-1.34.1}"; else stub_kubectl "$@"; fi
    ;;
  docker | kind | minikube) "stub_$me" "$@" ;;
  go)
    case "$*" in
      version) echo "go version go${GO_STUB:-1.26.0} linux/amd64" ;;
      'tool kind '*) shift 2; printf 'with KUBECONFIG %s\n' "${KUBECONFIG-}" >>"$LOG"; stub_kind "$@" ;;
    esac
    ;;
  git) case "$*" in *' log '*) echo '0123abc 0123abcd' ;; *' status '*) answer dirty ;; *) exit 98 ;; esac ;;
  curl)
    case "$*" in
      --version) echo 'curl 8.0.1' ;;
      *.sum*) answer sum >"${@: -2:1}" ;;
      *--output*) answer download >"${@: -2:1}" ;;
      *--fail*)
        url=${*: -1}
        node=${url#http://127.0.0.1:}
        node=$(sed -n "s| ${node%%/*}\$||p" "$WORLD/forward")
        if [[ $url == */init ]]; then answer init; else kubectl_raw "services/$node:http/proxy/${url##*/}"; fi
        ;;
      *) [[ "$*" == *"$(answer reach)"* ]] && answer reached ;;
    esac
    ;;
  sudo) "$@" ;;
esac
