#!/usr/bin/env bash
# Breaks a cluster on Kubernetes on purpose while values are written, and judges
# what users were told by what the learners have (--help). It needs bash 4.4,
# kubectl, curl and awk.
#
# What was acknowledged must be there, once, where it was told; what was refused
# must not; what was told before something else was asked stands before it. The
# judgement (lib/history.sh) reads files only, and can be asked again.
set -euo pipefail

NAME=${0##*/}
LIB=$(CDPATH='' cd -- "${BASH_SOURCE[0]%/*}" 2>/dev/null && pwd)/lib
# shellcheck source=lib/json.sh
source "$LIB/json.sh"
# shellcheck source=lib/text.sh
source "$LIB/text.sh"
# shellcheck source=lib/nodes.sh
source "$LIB/nodes.sh"
# shellcheck source=lib/kube.sh
source "$LIB/kube.sh"
# shellcheck source=lib/kubenodes.sh
source "$LIB/kubenodes.sh"
# shellcheck source=lib/send.sh
source "$LIB/send.sh"
# shellcheck source=lib/history.sh
source "$LIB/history.sh"
# shellcheck source=lib/writers.sh
source "$LIB/writers.sh"
# shellcheck source=lib/drills.sh
source "$LIB/drills.sh"

# 1 is a verdict, 5 is that nothing was begun.
EXIT_ERROR=1 EXIT_USAGE=2 EXIT_NOT_BEGUN=5
readonly EXIT_ERROR EXIT_USAGE EXIT_NOT_BEGUN

LANGUAGE='' HELP='' KEEP='' CHECK='' YES='' HOLD=5 WRITERS=4 CHOSEN=()
WORK='' BEGUN='' # the directory of this run; not empty once something may be broken

usage() {
  complain "$@"
  exit "$EXIT_USAGE"
}

parse() {
  local option
  while (($# > 0)); do
    option=$1
    shift
    case $option in
      -h | --help) HELP=yes ;;
      --yes) YES=yes ;;
      --context=* | --via=* | --lang=* | --keep=* | --check=* | --seconds=* | --writers=*)
        set -- "${option%%=*}" "${option#*=}" "$@"
        ;;
      --context | --via | --lang | --keep | --check | --seconds | --writers)
        (($# > 0)) || { text an.argument; usage usage.argument "$option" "$REPLY"; }
        assign "$option" "$1"
        shift
        ;;
      -*)
        json_show "${option::200}"
        usage kube.option "$REPLY"
        ;;
      *)
        [[ " ${DRILLS[*]} " == *" $option "* && $option != *' '* ]] || { json_show "${option::200}"; usage fault.nodrill "$REPLY" "${DRILLS[*]}"; }
        CHOSEN+=("$option")
        ;;
    esac
  done
}

assign() {
  json_show "${2::200}"
  case $1 in
    --context | --via) kube_option "$1" "$2" ;;
    --lang) LANGUAGE=$2 ;;
    --seconds)
      [[ $2 =~ ^[0-9]{1,4}$ ]] || usage usage.number "$1" "$REPLY"
      HOLD=$((10#$2))
      # read -t 0 does not wait, and would not succeed either.
      ((HOLD > 0)) || HOLD=0.1
      ;;
    --writers)
      [[ $2 =~ ^[1-9][0-9]?$ ]] || usage usage.number "$1" "$REPLY"
      WRITERS=$2
      ;;
    *)
      [[ -n $2 ]] || { text an.argument; usage usage.argument "$1" "$REPLY"; }
      # An = in a name would mean something to awk.
      if [[ $1 == --keep ]]; then absolute "$2"; KEEP=$REPLY; else absolute "$2"; CHECK=$REPLY; fi
      ;;
  esac
}

absolute() {
  REPLY=$1
  [[ $1 == /* ]] || REPLY=$PWD/$1
}

# directory settles WORK: one that is kept must not hold an earlier run.
directory() {
  if [[ -z $KEEP ]]; then
    WORK=$(mktemp -d)
    return
  fi
  [[ ! -e $KEEP/run && ! -e $KEEP/history ]] || usage fault.kept "$KEEP"
  mkdir -p -- "$KEEP" || exit "$EXIT_USAGE"
  WORK=$KEEP
}

# leave ends what runs, and puts back what was scaled, whatever happened: also if
# nobody is left to read a word of it.
leave() {
  trap '' INT TERM HUP PIPE
  [[ -z $WORK ]] || : >"$WORK/stop" || true
  writers_kill
  if [[ -n $BEGUN ]] && ((${#CHANGED[@]} > 0)); then
    complain fault.restoring "$CONTEXT" || true
    cluster_restore || true
  fi
  kubenodes_end
  if [[ -n $WORK ]]; then
    rm -f -- "$WORK"/stop "$WORK"/calls.* "$WORK"/settling.* || true
    [[ -n $KEEP ]] || rm -rf -- "$WORK"
  fi
}

# judge_run DIR prints what was counted and what is wrong, and the verdict.
judge_run() {
  local dir=$1 found='' kind about where n=0
  if [[ ! -r $dir/faults ]] || ! history_counts "$dir" 2>/dev/null || ! found=$(history_check "$dir"); then
    say fault.nojudgement "$dir"
    found=unjudged
  else
    say fault.counts "$ACKNOWLEDGED" "$REFUSED" "$UNKNOWN" "$LATER" "$BURNT" "$OPEN" "$ERRORS"
  fi
  while IFS=$'\t' read -r kind about where; do
    [[ -n $kind && $kind != unjudged ]] || continue
    n=$((n + 1))
    ((n <= 20)) || continue
    json_show "${about//$'\t'/ }"
    about=$REPLY
    json_show "${where//$'\t'/ }"
    say "fault.wrong.$kind" "$about" "$REPLY"
  done <<<"$found"
  ((n <= 20)) || say fault.wrong.more $((n - 20))
  if [[ -n $found ]] || ((FAULTS > 0)); then
    text fault.fail "$n" "$FAULTS"
    paint 31 "$REPLY"
    printf '%s\n' "$REPLY"
    return 1
  fi
  # Only what was there to be tested is said.
  REPLY=''
  if ((REFUSED > 0 && BURNT > 0)); then
    text fault.pass.both
  elif ((REFUSED > 0)); then
    text fault.pass.refused
  elif ((BURNT > 0)); then
    text fault.pass.burnt
  fi
  text fault.pass "$ACKNOWLEDGED" "$REPLY"
  paint 32 "$REPLY"
  printf '%s\n' "$REPLY"
}

# judge_kept DIR judges a run that was kept: its history, and what the drills of
# it found.
judge_kept() {
  local name what
  if [[ -r $1/faults ]]; then
    while IFS=$'\t' read -r name what; do
      FAULTS=$((FAULTS + 1))
      json_show "$name: ${what//$'\t'/ }"
      printf '  %s\n' "$REPLY"
    done <"$1/faults"
  fi
  judge_run "$1"
}

# allowed asks before a cluster is broken that may be somebody else's: a context
# can come from the environment, and be another one than was thought of.
allowed() {
  local line=''
  if [[ -n $YES ]] || kube_local; then return 0; fi
  [[ -t 0 ]] || usage fault.noterminal "$CONTEXT"
  text fault.ask "$NAMESPACE" "$CONTEXT" "${CHOSEN[*]}"
  IFS= read -r -p "$REPLY" line || line=''
  text yes.letters
  [[ -n $line && $REPLY == *"${line::1}"* ]] || { say fault.dropped; exit "$EXIT_NOT_BEGUN"; }
}

# ready_to_break finds the cluster, and refuses to break one that is not whole.
ready_to_break() {
  local tool
  for tool in awk sort cut tail; do
    command -v "$tool" >/dev/null || { complain fault.notool "$tool"; exit "$EXIT_NOT_BEGUN"; }
  done
  [[ $VIA != forward ]] || usage fault.forward
  KUBE=yes
  nodes_find || exit "$EXIT_NOT_BEGUN"
  # A forwarded port ends with the pod that it leads to.
  ((${#_FORWARDS[@]} == 0)) || { complain fault.forward; exit "$EXIT_NOT_BEGUN"; }
  cluster_healthy || exit "$EXIT_NOT_BEGUN"
  allowed
  probe
  [[ $OUTCOME == applied ]] || { complain fault.nofirst "$STATUS" "$REASON"; exit "$EXIT_NOT_BEGUN"; }
}

# finish stops the writers, settles what is open, and reads the logs.
finish() {
  local first=$1 i
  writers_stop
  for ((i = 0; i < 50; i++)); do
    probe
    [[ $OUTCOME != applied ]] || break
    pause 0.5
  done
  calls_gather
  settle_all
  if ! logs_end; then
    failed fault.nowrite
    return
  fi
  logs_read "$first" "$REPLY"
}

main() {
  local name first
  if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    printf 'bash 4.4 or newer is needed; this is %s\n' "$BASH_VERSION" >&2
    exit "$EXIT_ERROR"
  fi
  text_settle "$@"
  parse "$@"
  if [[ -n $LANGUAGE ]] && ! text_language "$LANGUAGE"; then
    json_show "${LANGUAGE::200}"
    usage language.none "$REPLY"
  fi
  [[ -z $HELP ]] || { say fault.help "$NAME"; exit 0; }
  colours_if 1
  if [[ -n $CHECK ]]; then
    [[ -d $CHECK ]] || { json_show "$CHECK"; usage fault.nodir "$REPLY"; }
    judge_kept "$CHECK"
    return
  fi
  max_wait_checked
  command -v curl >/dev/null || { complain curl.missing; exit "$EXIT_NOT_BEGUN"; }
  directory
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # The terminal may be closed, or what reads the report may end.
  trap 'exit 129' HUP
  trap 'exit 141' PIPE
  trap leave EXIT
  random_key || { complain random.none; exit "$EXIT_NOT_BEGUN"; }
  REPLY=${REPLY//-/}
  RUN=fault-${REPLY::10}-
  printf '%s\n' "$RUN" >"$WORK/run"
  : >"$WORK/times"
  : >"$WORK/faults"
  ((${#CHOSEN[@]} > 0)) || CHOSEN=("${DRILLS[@]}")
  ready_to_break
  first=$SLOT_AT BEGUN=yes
  say fault.begin "$CONTEXT" "$RUN" "$WRITERS" "${CHOSEN[*]}"
  writers_start "$WRITERS"
  pause 2
  for name in "${CHOSEN[@]}"; do
    if ! drill "$name"; then
      # Further drills would only tell of this one.
      if ! { cluster_restore && await_ready "${NODES[@]}"; }; then break; fi
    fi
  done
  cluster_restore || failed fault.left
  say fault.judging
  finish "$first"
  judge_run "$WORK"
}

main "$@"
