# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names in capitals are shared with the files that source this one
# From an overlay to objects in the cluster: rendered, cut into one file for each
# Deployment and one for everything else, applied so that a quorum stays.

NAMES=()  # the Deployments of the overlay, in the order of an upgrade
CHANGED=0 # how many objects are other than before

# overlay_find NAME|DIRECTORY sets OVERLAY to the directory.
overlay_find() {
  OVERLAY=$1
  if [[ $1 =~ ^[a-z0-9-]{1,60}$ && -d $ROOT/k8s/overlays/$1 ]]; then
    OVERLAY=$ROOT/k8s/overlays/$1
  fi
  if [[ -z $1 || $1 == -* || ! -e $OVERLAY/kustomization.yaml ]]; then
    local list=''
    # Nothing below matches if there are none.
    list=$(cd -- "$ROOT/k8s/overlays" 2>/dev/null && printf '%s ' */) || list=''
    shown "$1"
    usage apply.nooverlay "$REPLY" "${list//\//}"
  fi
}

# render writes the overlay's objects into WORK: namespace.yaml, rest.yaml and
# deployment-NAME.yaml, with IMAGE, if it is set, for the image of the project,
# and with a hash of the settings in the templates of the pods that read them:
# settings are read at the start, so that other ones must make another pod, and
# what was interrupted is known by what the nodes run.
render() {
  local line
  if ! kubectl kustomize "$OVERLAY" >"$WORK/all.yaml" 2>"$WORK/why"; then
    harmless <"$WORK/why" >&2
    complain apply.norender "$OVERLAY"
    return 1
  fi
  rm -f -- "$WORK"/deployment-*.yaml "$WORK/rest.yaml" "$WORK/namespace.yaml"
  # What kustomize writes has one form: kinds begin a line, names are two
  # blanks in, and a line of three hyphens is never inside of a text.
  _settings_hash
  if ! line=$(export WORK IMAGE NAMESPACE HASH && awk "$_SPLIT" "$WORK/all.yaml"); then
    shown "$line"
    complain apply.strange "$REPLY"
    return 1
  fi
  [[ -z $IMAGE || $line != none ]] || { complain apply.noimage "$IMAGE"; return 1; }
  if [[ -z $IMAGE && $line == local ]]; then
    complain apply.needimage "$CONTEXT"
    return "$EXIT_USAGE"
  fi
  _order
}

# _settings_hash sets HASH to a hash of the rendered ConfigMap's data, or to
# nothing if the overlay has no such ConfigMap.
_settings_hash() {
  local data
  data=$(awk "$_DATA" "$WORK/all.yaml")
  HASH=''
  [[ -n $data ]] || return 0
  HASH=$(sha256sum <<<"$data")
  HASH=${HASH::16}
}

# shellcheck disable=SC2016 # awk's own dollars
_DATA='
function flush() { if (kind == "ConfigMap" && name == "paxos-config") printf "%s", data; kind = name = data = "" }
/^---/ { flush(); next }
$0 ~ /^kind: / { kind = $2 }
$0 ~ /^[^ ]/ { top = $1 }
top == "metadata:" && $0 ~ /^  name: / { name = $2 }
top == "data:" || top == "binaryData:" { data = data $0 "\n" }
END { flush() }
'

# shellcheck disable=SC2016 # awk's own dollars
_SPLIT='
function flush(  file, i, reads, template) {
  if (!lines) return
  if (space != "" && space != ENVIRON["NAMESPACE"]) bad(kind " " name ": namespace " space)
  if (kind == "Namespace" && name != ENVIRON["NAMESPACE"]) bad("Namespace " name)
  if (kind == "") bad("no kind")
  file = "rest.yaml"
  if (kind == "Namespace") file = "namespace.yaml"
  if (kind == "Deployment") {
    if (name !~ /^[a-z0-9][a-z0-9-]*$/) bad("Deployment " name)
    file = "deployment-" name ".yaml"
  }
  file = ENVIRON["WORK"] "/" file
  if (file in used) print "---" >file
  used[file] = 1
  reads = 0
  for (i = 1; i <= lines; i++) if (kind == "Deployment" && ENVIRON["HASH"] != "" && doc[i] ~ /^ +name: paxos-config$/) reads = 1
  for (i = 1; i <= lines; i++) {
    if (doc[i] ~ /^  [^ ]/) template = doc[i] == "  template:"
    if (kind == "Deployment" && doc[i] ~ /^ +(- )?image: /) doc[i] = image(doc[i])
    print doc[i] >file
    if (!reads || !template || doc[i] != "    metadata:") continue
    if (doc[i + 1] == "      annotations:") i++
    else if (doc[i + 1] ~ /^      annotations:/) bad(kind " " name ": " doc[i + 1])
    print "      annotations:" >file
    print "        paxos/settings: \"" ENVIRON["HASH"] "\"" >file
    reads = 0
  }
  if (reads) bad(kind " " name ": template.metadata")
  lines = 0; kind = name = space = ""
}
function bad(why) { print why; failed = 1; exit 1 }
function image(s,  ref, base) {
  ref = s; sub(/^.*image: */, "", ref); ref = base = plain(ref)
  sub(/^.*\//, "", base); sub(/[@:].*$/, "", base)
  if (base != "paxos") return s
  if (found != "local") found = ref == "paxos:local" ? "local" : "named"
  if (ENVIRON["IMAGE"] == "") return s
  sub(/image: .*$/, "", s)
  return s "image: " ENVIRON["IMAGE"]
}
function plain(s) { gsub(/^["\x27]|["\x27]$/, "", s); return s }
/^---/ { flush(); next }
{
  if ($0 ~ /^kind: /) kind = plain($2)
  if ($0 ~ /^[^ ]/) top = $1
  if (top == "metadata:" && $0 ~ /^  name: /) name = plain($2)
  if (top == "metadata:" && $0 ~ /^  namespace: /) space = plain($2)
  doc[++lines] = $0
}
END { if (failed) exit 1; flush(); print found == "" ? "none" : found }
'

# _order sets NAMES: acceptors first, proposers, one of which leads, last.
_order() {
  local role file name
  local -A taken=()
  NAMES=()
  for role in acceptor learner client proposer ''; do
    while IFS= read -r file; do
      name=${file##*/deployment-} name=${name%.yaml}
      [[ -n ${taken[$name]-} || $name != "$role"* ]] || NAMES+=("$name")
      [[ $name != "$role"* ]] || taken[$name]=yes
    done < <(find "$WORK" -name 'deployment-*.yaml' | LC_ALL=C sort -V)
  done
  ((${#NAMES[@]} > 0)) || { complain apply.strange "no Deployment"; return 1; }
}

# setting_of FILE KEY sets REPLY to a setting of the rendered ConfigMap.
setting_of() {
  REPLY=$(KEY="  $2:" awk 'index($0, ENVIRON["KEY"]) == 1 { sub(/^[^:]*: */, ""); gsub(/["\x27 ]/, ""); print; exit }' "$1") || REPLY=''
}

# voters_same refuses to change who votes by way of a ConfigMap: nodes that were
# told of different acceptors do not speak to each other.
voters_same() {
  local there
  there=$(kube get configmap paxos-config --ignore-not-found -o 'jsonpath={.data.PAXOS_ACCEPTORS}') || return 1
  setting_of "$WORK/rest.yaml" PAXOS_ACCEPTORS
  [[ -n ${there// /} && -n $REPLY && ${there// /} != "$REPLY" ]] || return 0
  json_show "$there"
  there=$REPLY
  setting_of "$WORK/rest.yaml" PAXOS_ACCEPTORS
  json_show "$REPLY"
  complain apply.voters "$there" "$REPLY"
  return "$EXIT_USAGE"
}

# key_make makes the key that encrypts gossip, once. It travels by standard input:
# an argument could be read by everyone on this machine.
key_make() {
  local there key
  there=$(kube get secret paxos-gossip-key --ignore-not-found -o name) || return 1
  if [[ -n $there ]]; then
    say apply.key.kept
    return
  fi
  key=$(head -c 32 /dev/urandom | base64 -w 0)
  [[ ${#key} == 44 ]] || { complain apply.key.none; return 1; }
  printf '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"paxos-gossip-key","labels":{"app.kubernetes.io/name":"paxos","app.kubernetes.io/part-of":"paxos"}},"type":"Opaque","stringData":{"key":"%s"}}' "$key" |
    kube create -f - >/dev/null || { complain apply.key.none; return 1; }
  say apply.key.made
  CHANGED=$((CHANGED + 1))
}

# What makes an object what it is, in one line, maps in sorted order. What
# kubectl prints after an apply is no measure: "configured" is also said of
# objects that differ from their file only by defaults.
# shellcheck disable=SC2016 # the template's own dollars
_PRINT='{{define "one"}}{{.kind}}/{{.metadata.name}}|{{with .metadata.labels}}{{.}}{{end}}{{with .metadata.annotations}}{{range $k, $v := .}}{{if ne $k "deployment.kubernetes.io/revision"}}{{$k}}={{printf "%q" $v}}{{end}}{{end}}{{end}}{{printf "%q %q %q %q %q" (print .spec) (print .data) (print .rules) (print .subjects) (print .roleRef)}}{{"\n"}}{{end}}{{if eq .kind "List"}}{{range .items}}{{template "one" .}}{{end}}{{else}}{{template "one" .}}{{end}}'

# lines_of ARRAY ARGUMENT… fills the array with the lines that kubectl prints, by
# what stands before the first bar: kind and name.
lines_of() {
  local -n into=$1
  local line lines
  shift
  lines=$(kube "$@") || return 1
  into=()
  while IFS= read -r line; do
    [[ -z $line ]] || into["${line%%|*}"]=$line
  done <<<"$lines"
}

# prints_of ARRAY FILE… fills the array with the prints of what these files name.
prints_of() {
  local array=$1
  shift
  lines_of "$array" get "${@/#/--filename=}" --ignore-not-found -o "go-template=$_PRINT"
}

# files_of NAME… sets FILES to their files.
files_of() {
  local name
  FILES=()
  for name in "$@"; do FILES+=("$WORK/deployment-$name.yaml"); done
}

# apply_files FILE… applies them.
apply_files() {
  kube apply "${@/#/--filename=}" >/dev/null || { complain apply.failed; return 1; }
}

# apply_all applies everything: what is new or down at once, and what runs and
# must be replaced one after the other, each only while it can be missed.
apply_all() {
  local name key
  local -a FILES=() new=() old=() all=("$WORK/rest.yaml")
  local -A before=() after=()
  files_of "${NAMES[@]}"
  all+=("$WORK/namespace.yaml" "${FILES[@]}")
  prints_of before "${all[@]}" || return 1
  for name in "${NAMES[@]}"; do
    if [[ -n ${before[Deployment/$name]-} ]]; then old+=("$name"); else new+=("$name"); fi
  done
  files_of ${new[@]+"${new[@]}"}
  apply_files "$WORK/namespace.yaml" "$WORK/rest.yaml" ${FILES[@]+"${FILES[@]}"} || return 1
  turns ${old[@]+"${old[@]}"} || return 1
  for name in ${DOWN[@]+"${DOWN[@]}"}; do say apply.upgrade "$name"; done
  for name in ${BACK[@]+"${BACK[@]}"}; do say apply.back "$name"; done
  files_of ${STAY[@]+"${STAY[@]}"} ${DOWN[@]+"${DOWN[@]}"}
  ((${#FILES[@]} == 0)) || apply_files "${FILES[@]}" || return 1
  for name in ${GO[@]+"${GO[@]}"}; do
    _upgrade "$name" $((SECONDS + PATIENCE)) || return 1
  done
  prints_of after "${all[@]}" || return 1
  for key in "${!after[@]}"; do
    [[ ${after[$key]} == "${before[$key]-}" ]] || CHANGED=$((CHANGED + 1))
  done
}

# _upgrade NAME DEADLINE
_upgrade() {
  may_go "$1" "$2" || return 1
  say apply.upgrade "$1"
  apply_files "$WORK/deployment-$1.yaml" || return 1
  await_ready "$2" "$1"
}
