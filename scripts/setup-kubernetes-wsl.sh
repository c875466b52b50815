#!/usr/bin/env bash
# Checks for docker, kubectl, kind or minikube, and Go, and installs what is
# missing on Debian, Ubuntu and WSL. Every command is shown before it is run.
set -euo pipefail

LIB=$(CDPATH='' cd -- "${BASH_SOURCE[0]%/*}" 2>/dev/null && pwd)/lib
# shellcheck source=lib/json.sh
source "$LIB/json.sh"
# shellcheck source=lib/text.sh
source "$LIB/text.sh"
# shellcheck source=lib/options.sh
source "$LIB/options.sh"
# shellcheck source=lib/install.sh
source "$LIB/install.sh"

WORK=''

finish() {
  [[ -z $WORK ]] || rm -rf -- "$WORK"
}

main() {
  local tool
  local -a wanted=(docker curl kubectl go)
  begin setup '--kind --minikube --check --yes --dry-run' '' "$@"
  [[ -z ${OPT[--check]-} || -z ${OPT[--yes]-}${OPT[--dry-run]-} ]] || usage setup.checkonly
  system_find
  if [[ -n ${OPT[--minikube]-} ]]; then wanted+=(minikube); else wanted+=(kind); fi
  inspect "${wanted[@]}"
  report
  [[ -z $WSL || ${STATE[docker]} == ok ]] || say setup.wsl
  if all_there; then
    say setup.complete
    exit 0
  fi
  [[ -z ${OPT[--check]-} ]] || exit "$EXIT_ERROR"
  if [[ $SYSTEM == other ]]; then
    complain setup.byhand
    exit "$EXIT_ERROR"
  fi
  if [[ -z ${OPT[--yes]-}${OPT[--dry-run]-} && ! -t 0 ]]; then
    usage setup.noterminal
  fi
  WORK=$(mktemp -d)
  trap finish EXIT
  for tool in "${wanted[@]}"; do
    # Go brings kind; so what was missing before may be there now.
    [[ -n ${OPT[--dry-run]-} || $tool != kind ]] || inspect "${wanted[@]}"
    [[ ${STATE[$tool]} == ok ]] && continue
    if [[ -n ${OPT[--dry-run]-} && $tool == kind ]]; then continue; fi
    install_tool "$tool" || complain setup.failed "$tool"
  done
  [[ -z ${OPT[--dry-run]-} ]] || exit 0
  hash -r
  inspect "${wanted[@]}"
  report
  all_there || fail setup.incomplete
  say setup.complete
}

main "$@"
