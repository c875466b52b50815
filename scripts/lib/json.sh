# shellcheck shell=bash
# shellcheck disable=SC2034 # what functions set here is for those who call them
# JSON in bash alone: a string encoder, a reader that flattens an answer into
# paths, and ways to show what was read without letting it drive the terminal.
# It is no validator: what nodes answer is well formed or refused as a whole.

# From 5.2 on, an & in the replacement of ${x//y/z} would mean the match.
shopt -u patsub_replacement 2>/dev/null || true

# Characters are bytes here (LC_ALL=C in each function), so that the result
# does not depend on the user's locale.
_C0=$'[\x01-\x1f]'
_CONT=$'[\x80-\xbf]'
_BACKSLASHES=''

# Filled in when first needed: the escapes of the control characters (NUL cannot be in a bash string), and of
# what is no control character to JSON but acts like one on a terminal: DEL,
# the C1 controls, and the marks that turn the direction of writing around.
_CONTROLS=() _CONTROL_ESCAPES=() _TRICKS=() _TRICK_ESCAPES=()
_list_escapes() {
  ((${#_CONTROLS[@]} == 0)) || return 0
  local i byte
  for ((i = 1; i < 32; i++)); do
    printf -v byte '\\x%02x' "$i"
    printf -v '_CONTROLS[i-1]' '%b' "$byte"
    printf -v '_CONTROL_ESCAPES[i-1]' '\\u%04x' "$i"
  done
  _TRICKS=($'\x7f') _TRICK_ESCAPES=('\u007f')
  # Code points below U+0800 have two bytes, those below U+10000 three.
  for i in {128..159} 0x61c; do
    printf -v byte '\\x%02x\\x%02x' $((0xc0 | i >> 6)) $((0x80 | i & 63))
    _trick "$byte" "$i"
  done
  for i in 0x200e 0x200f 0x2028 0x2029 0x202{a..e} 0x206{6..9}; do
    printf -v byte '\\xe2\\x%02x\\x%02x' $((0x80 | i >> 6 & 63)) $((0x80 | i & 63))
    _trick "$byte" "$i"
  done
}

_trick() {
  local trick escape
  printf -v trick '%b' "$1"
  printf -v escape '\\u%04x' "$2"
  _TRICKS+=("$trick") _TRICK_ESCAPES+=("$escape")
}
# _chop TEXT cuts it into CHUNKS of some 4 KiB: bash replaces in a time that
# grows with the square of the length. No valid UTF-8 sequence is cut in two.
_chop() {
  local LC_ALL=C block
  CHUNKS=()
  # In two steps, because each cut costs as much as what is cut is long.
  _cut "$1" 131072
  local -a blocks=("${CHUNKS[@]}")
  CHUNKS=()
  for block in "${blocks[@]}"; do
    _cut "$block" 4096
  done
}

_cut() {
  local at=0 end size=${#1} most=$2
  if ((size <= most)); then
    CHUNKS+=("$1")
    return
  fi
  while ((at < size)); do
    end=$((at + most))
    # shellcheck disable=SC2053 # the right side is a pattern
    while ((end - at - most < 3)) && [[ ${1:end:1} == $_CONT ]]; do
      end=$((end + 1))
    done
    CHUNKS+=("${1:at:end-at}")
    at=$end
  done
}

# _utf8 TEXT succeeds if it is valid UTF-8. Each sequence is replaced by a
# letter, so that no new neighbours come about; what is left over is invalid.
_utf8() {
  local LC_ALL=C s=$1 c=$_CONT
  [[ $s == *[$'\x80'-$'\xff']* ]] || return 0
  s=${s//$'\xf0'[$'\x90'-$'\xbf']$c$c/a}
  s=${s//[$'\xf1'-$'\xf3']$c$c$c/a}
  s=${s//$'\xf4'[$'\x80'-$'\x8f']$c$c/a}
  s=${s//$'\xe0'[$'\xa0'-$'\xbf']$c/a}
  s=${s//[$'\xe1'-$'\xec'$'\xee'$'\xef']$c$c/a}
  s=${s//$'\xed'[$'\x80'-$'\x9f']$c/a}
  s=${s//[$'\xc2'-$'\xdf']$c/a}
  [[ $s != *[$'\x80'-$'\xff']* ]]
}

# json_encode TEXT sets REPLY to the JSON string, quotes included; it fails if
# the text is not UTF-8, which JSON cannot carry.
json_encode() {
  local LC_ALL=C chunk i backslash=\\ quote=\"
  local CHUNKS
  _chop "$1"
  REPLY=$quote
  for chunk in "${CHUNKS[@]}"; do
    _utf8 "$chunk" || return 1
    chunk=${chunk//"$backslash"/$backslash$backslash}
    chunk=${chunk//"$quote"/$backslash$quote}
    # shellcheck disable=SC2053 # the right side is a pattern
    if [[ $chunk == *$_C0* ]]; then
      _list_escapes
      for i in "${!_CONTROLS[@]}"; do
        chunk=${chunk//"${_CONTROLS[i]}"/${_CONTROL_ESCAPES[i]}}
      done
    fi
    REPLY+=$chunk
  done
  REPLY+=$quote
}

# json_show TEXT sets REPLY to the text with all that a terminal might obey
# written as \u escapes. The text may be the inside of a JSON string, which
# stays as it is otherwise: what is shown can be read in one way only.
json_show() {
  local LC_ALL=C chunk i
  local CHUNKS
  REPLY=$1
  [[ $1 == *[!' '-'~']* ]] || return 0
  _chop "$1"
  REPLY=''
  for chunk in "${CHUNKS[@]}"; do
    # shellcheck disable=SC2053 # the right side is a pattern
    if [[ $chunk == *$_C0* ]]; then
      _list_escapes
      for i in "${!_CONTROLS[@]}"; do
        chunk=${chunk//"${_CONTROLS[i]}"/${_CONTROL_ESCAPES[i]}}
      done
    fi
    if [[ $chunk == *[$'\x7f'-$'\xff']* ]]; then
      _list_escapes
      _utf8 "$chunk" || chunk=${chunk//[$'\x80'-$'\xff']/?}
      for i in "${!_TRICKS[@]}"; do
        chunk=${chunk//"${_TRICKS[i]}"/${_TRICK_ESCAPES[i]}}
      done
    fi
    REPLY+=$chunk
  done
}

# json_plain RAW is json_show for a sentence of a node: \" and \\ become what
# they stand for.
json_plain() {
  local LC_ALL=C backslash=\\ quote=\" mark=$'\x01'
  json_show "$1"
  # No \x01 is left in REPLY to be mistaken for the mark.
  REPLY=${REPLY//"$backslash$backslash"/$mark}
  REPLY=${REPLY//"$backslash$quote"/$quote}
  REPLY=${REPLY//"$mark"/$backslash}
}

# _escaped TEXT succeeds if the text ends in an odd number of backslashes: the
# quote behind it belongs to the string then.
_escaped() {
  local LC_ALL=C s=$1
  [[ $s == *\\ ]] || return 1
  ((${#s} < 4096)) || [[ -n $_BACKSLASHES ]] || printf -v _BACKSLASHES '\\%.0s' {1..4096}
  while ((${#s} >= 4096)) && [[ ${s: -4096} == "$_BACKSLASHES" ]]; do
    s=${s::${#s}-4096}
  done
  ((${#s} > 4096)) && s=${s: -4096}
  s=${s##*[!\\]}
  ((${#s} % 2))
}

# json_parse TEXT reads a JSON object or list into JSON: .values.0.slot and so
# on, strings as they are written between their quotes. JSON_KEYS has the
# paths in order. It fails when the text is no such thing.
declare -gA JSON=()
JSON_KEYS=()
json_parse() {
  local LC_ALL=C i=0 j=0 n text
  local -a piece opened=() index=() prefix=()
  local depth=-1 key='' path='' literal='' wantkey=0 ended=0
  JSON=() JSON_KEYS=()
  # Between two quotes there is either structure or a string, in turn; only a
  # quote behind an odd number of backslashes is inside a string.
  local IFS='"' noglob=0
  [[ $- == *f* ]] && noglob=1
  set -f
  # shellcheck disable=SC2206 # splitting is what is wanted
  piece=($1)
  ((noglob)) || set +f
  n=${#piece[@]}
  while ((i < n)); do
    _structure "${piece[i]}" || return 1
    ((i + 1 < n)) || break
    ((depth >= 0 && !ended)) || return 1
    for ((j = i + 1; j < n; j++)); do
      case ${piece[j]} in
        \\ | *[!\\]\\) ;; # one backslash, the usual case
        *\\) _escaped "${piece[j]}" || break ;;
        *) break ;;
      esac
    done
    ((j < n)) || return 1
    text=${piece[i + 1]}
    ((j > i + 1)) && text="${piece[*]:i+1:j-i}"
    if ((wantkey)); then
      key=$text
    else
      _store "$text"
    fi
    i=$((j + 1))
  done
  ((ended))
}

# _structure and _store are parts of json_parse and work on its variables.
_structure() {
  local s=$1 c at
  s=${s//[$' \t\r\n']/}
  for ((at = 0; at < ${#s}; at++)); do
    c=${s:at:1}
    ((ended)) && return 1
    case $c in
      '{' | '[')
        depth=$((depth + 1))
        opened[depth]=$c index[depth]=0
        if ((depth == 0)); then
          prefix[0]=.
        else
          _path
          prefix[depth]=$path.
        fi
        [[ $c == '{' ]] && wantkey=1 || wantkey=0
        ;;
      '}' | ']')
        ((depth >= 0)) || return 1
        case ${opened[depth]}$c in '{}' | '[]') ;; *) return 1 ;; esac
        _literal
        depth=$((depth - 1))
        ((depth >= 0)) || ended=1
        wantkey=0
        ;;
      ,)
        ((depth >= 0)) || return 1
        _literal
        index[depth]=$((index[depth] + 1))
        [[ ${opened[depth]} == '{' ]] && wantkey=1 || wantkey=0
        ;;
      :)
        ((depth >= 0 && wantkey)) || return 1
        wantkey=0
        ;;
      [-+.a-zA-Z0-9])
        ((depth >= 0 && !wantkey)) || return 1
        literal+=$c
        ;;
      *) return 1 ;;
    esac
  done
}

_path() {
  if [[ ${opened[depth - 1]} == '{' ]]; then
    path=${prefix[depth - 1]}$key
  else
    path=${prefix[depth - 1]}${index[depth - 1]}
  fi
}

_literal() {
  [[ -z $literal ]] || _store "$literal"
  literal=''
}

_store() {
  local at=${prefix[depth]}
  if [[ ${opened[depth]} == '{' ]]; then at+=$key; else at+=${index[depth]}; fi
  JSON["$at"]=$1
  JSON_KEYS+=("$at")
}

# json_get PATH sets REPLY to what stands there, as it is written between its
# quotes; empty, and a failure, if there is nothing.
json_get() {
  REPLY=${JSON["$1"]-}
  [[ -n ${JSON["$1"]+there} ]]
}
