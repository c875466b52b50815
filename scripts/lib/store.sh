# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names in capitals are shared with the files that source this one
# The key-value store: a key set, read, deleted, and keys listed. A write is sent
# and settled like any value (send.sh); a read says how fresh it is.

SEEN='' # the session token of the last answer: what was seen by now

# percent TEXT sets REPLY to the text as a part of a URL. Slashes and dots are
# encoded too: nothing on the way may tidy them up.
percent() {
  local LC_ALL=C text=$1 out='' plain byte
  while [[ -n $text ]]; do
    plain=${text%%[!A-Za-z0-9_~-]*}
    out+=$plain text=${text:${#plain}}
    [[ -n $text ]] || break
    printf -v byte '%%%02X' "'${text::1}"
    # Bytes above 127 may be counted from -128 up.
    out+=%${byte: -2} text=${text:1}
  done
  REPLY=$out
}

# named KEY checks a key before it is sent, and sets REPLY to it as part of a URL.
named() {
  if [[ -z $1 ]]; then
    complain store.nokey
    return "$EXIT_USAGE"
  fi
  json_encode "$1" || { complain value.utf8; return "$EXIT_USAGE"; }
  percent "$1"
}

# put_key CLIENT KEY VALUE
put_key() {
  local BODY=$3 KIND=application/octet-stream
  fits "$3" || return
  # The value is the body as it is; that it is text keeps it readable here.
  json_encode "$3" || { complain value.utf8; return "$EXIT_USAGE"; }
  kube_key_fits "$2" || return
  named "$2" || return
  pursue "$1" PUT "/kv/$REPLY" put || return
  if json_get .key.mod_revision; then
    fields .key.mod_revision .key.version
    note store.put "${F[0]}" "${F[1]}"
  fi
  remember
}

# delete_key CLIENT KEY
delete_key() {
  local BODY=''
  kube_key_fits "$2" || return
  named "$2" || return
  pursue "$1" DELETE "/kv/$REPLY" delete || return
  remember
  field .deleted 0
  [[ $REPLY != 0 ]] || note store.absent
}

# remember keeps the session token of the answer.
remember() {
  ! json_get .session_token || [[ ! $REPLY =~ ^[A-Za-z0-9._~-]{1,200}$ ]] || SEEN=$REPLY
}

# freshness sets REPLY to what a read's query says of its consistency.
freshness() {
  local age=$MAX_AGE
  REPLY="consistency=${CONSISTENCY:-linearizable}"
  case $CONSISTENCY in
    bounded) REPLY+="&max_age=${age:-1s}" ;;
    session) [[ -z ${SESSION_TOKEN:-$SEEN} ]] || REPLY+="&session_token=${SESSION_TOKEN:-$SEEN}" ;;
  esac
  [[ -z $TIMEOUT ]] || REPLY+="&timeout=${TIMEOUT}s"
}

# look NAME PATH asks for a read. Its failure is never an unknown outcome.
look() {
  local code=0
  get "$1" "$2" || code=$?
  ((code != EXIT_UNKNOWN)) || code=$EXIT_NOT_APPLIED
  ((code != 0)) || remember
  return "$code"
}

# get_key CLIENT KEY prints the value as a JSON string.
get_key() {
  local key
  named "$2" || return
  key=$REPLY
  freshness
  look "$1" "/read?key=$key&$REPLY" || return
  show_kv ''
  printf '%s\n' "$REPLY"
  tell_age
}

# show_kv PATH sets REPLY to the value there: a JSON string, or base64 of bytes
# that are no text.
show_kv() {
  local value bytes
  if ! json_get "$1.value"; then
    field "$1.value_base64" ''
    REPLY="base64:$REPLY"
    return
  fi
  value=$REPLY
  if [[ -n $MENU ]] && ((${#value} > 400)); then
    bytes=${#value}
    json_show "${value::300}"
    value=$REPLY
    text read.cut "$bytes"
    REPLY="\"$value\"$REPLY"
    return
  fi
  json_show "$value"
  REPLY="\"$REPLY\""
}

# tell_age says how fresh the answer is.
tell_age() {
  fields .consistency .revision .learner .age_ms
  if [[ ${F[3]} == - ]]; then
    note store.fresh "${F[0]}" "${F[1]}" "${F[2]}"
  else
    note store.aged "${F[0]}" "${F[1]}" "${F[2]}" "${F[3]}"
  fi
}

# list_keys CLIENT PREFIX prints a line for each key: key, tab, value, both as
# JSON strings.
list_keys() {
  local prefix limit shown=0 page='' i path key
  json_encode "$2" || { complain value.utf8; return "$EXIT_USAGE"; }
  kube_key_fits "$2" || return
  percent "$2"
  prefix=$REPLY
  while :; do
    limit=$PAGE
    [[ -z $MENU ]] || limit=20
    [[ -z $LIMIT ]] || ((LIMIT - shown >= limit)) || limit=$((LIMIT - shown))
    ((limit > 0)) || break
    freshness
    look "$1" "/kv/$prefix?prefix&limit=$limit${page:+&page=$page}&$REPLY" || return
    for ((i = 0; i < limit; i++)); do
      path=.keys.$i
      json_get "$path.key" || break
      json_show "$REPLY"
      key=$REPLY
      show_kv "$path"
      printf '"%s"\t%s\n' "$key" "$REPLY"
      shown=$((shown + 1))
    done
    page=''
    if ! json_get .page || [[ -z $REPLY || $i == 0 ]]; then break; fi
    json_plain "$REPLY"
    percent "$REPLY"
    page=$REPLY
    [[ -z $MENU ]] || { ask read.more && [[ -z $LINE ]]; } || break
  done
  [[ -n ${JSON[.count]-} ]] || return 0
  field .count
  note store.listed "$shown" "$REPLY"
  tell_age
}

# choose_key asks for KEY_NAME; it fails when none is given.
choose_key() {
  ask menu.key || return 1
  KEY_NAME=$LINE
  [[ -n $KEY_NAME ]] || { say send.dropped; return 1; }
}

# choose_consistency asks how fresh a read must be.
choose_consistency() {
  ask menu.consistency "$CONSISTENCY" || return 1
  case ${LINE//[[:space:]]/} in
    '') ;;
    l | linearizable) CONSISTENCY=linearizable ;;
    s | session) CONSISTENCY=session ;;
    b | bounded) CONSISTENCY=bounded ;;
    t | stale) CONSISTENCY=stale ;;
    *)
      shown "$LINE"
      say usage.consistency "$REPLY"
      return 1
      ;;
  esac
}
