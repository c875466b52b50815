#!/usr/bin/env bats
# shellcheck disable=SC2016,SC1003 # nothing here is to be expanded, and \' ends a string on purpose
# The JSON in bash: what is encoded, what is refused, what is read, and what is
# shown of it. No node is needed.

setup() {
  load helpers
  # shellcheck source=/dev/null # checked on its own
  source "$SCRIPTS/lib/json.sh"
}

# encodes TEXT JSON
encodes() {
  json_encode "$1"
  [[ $REPLY == "$2" ]] || { printf '%q became %q, want %q\n' "$1" "$REPLY" "$2"; return 1; }
}

@test "strings are encoded" {
  encodes '' '""'
  encodes 'a"b\c' '"a\"b\\c"'
  encodes $'\x01\n\t\x1f\x7f' $'"\\u0001\\u000a\\u0009\\u001f\x7f"'
  encodes 'é漢😀' '"é漢😀"'
  encodes '$(id) `id` & \& %s * ~' '"$(id) `id` & \\& %s * ~"'
}

@test "long strings are encoded, wherever they are cut" {
  local n long
  for n in 4094 4095 4096 131071; do
    printf -v long '%*s' "$n" ''
    encodes "$long"'é"😀\' "\"$long"'é\"😀\\"'
  done
}

@test "what is no UTF-8 is refused" {
  local bad
  for bad in $'\xff' $'a\x80' $'\xc0\xaf' $'\xc3' $'\xc3a' $'\xe2\x82' $'\xed\xa0\x80' $'\xe0\x80\xaf' $'\xf0\x80\x80\xaf' $'\xf4\x90\x80\x80' $'\xe2a\x82\xac'; do
    ! json_encode "$bad" || { printf '%q was taken\n' "$bad"; return 1; }
  done
}

@test "JSON is read" {
  json_parse ' { "a" : {"b":[1,-2.5e3,{"c":"x\"y\\"}],"e":[],"f":{}}, "g":"", "h":null, "i":true, "k":"[{,:}]\\\"" } '
  [[ ${JSON_KEYS[*]} == '.a.b.0 .a.b.1 .a.b.2.c .g .h .i .k' ]]
  [[ ${JSON[.a.b.1]} == -2.5e3 && ${JSON[.a.b.2.c]} == 'x\"y\\' && ${JSON[.k]} == '[{,:}]\\\"' ]]
  json_get .g && [[ -z $REPLY ]]
  run -1 json_get .z
}

@test "what is no JSON is refused" {
  local bad
  for bad in '' x '"a"' null '{' '{"a":"b' '<html>' '{"a":1}}' '{"a":[1}' '{"a"}x' '{"a":"\"}' '{"a":1}{' '[}'; do
    ! json_parse "$bad" || { printf '%s was taken\n' "$bad"; return 1; }
  done
}

@test "nothing that is read is executed" {
  cd "$BATS_TEST_TMPDIR"
  json_parse '{"a[$(touch pwned)]":"$(touch pwned)","b":{"`touch pwned`":[1]},"":"x","*":"*"}'
  [[ ${#JSON_KEYS[@]} == 4 && ${JSON[.]} == x && ${JSON[.\*]} == '*' ]]
  json_show '$(touch pwned)`touch pwned`'
  [[ ! -e pwned ]]
}

@test "what a terminal would obey is shown as an escape" {
  json_show $'\x1b[2J\x7f\xc2\x9b31m é \xe2\x80\xae \xe2\x81\xa6 \xd8\x9c'
  [[ $REPLY == '\u001b[2J\u007f\u009b31m é \u202e \u2066 \u061c' ]]
  json_show $'bad \xff\x9b'
  [[ $REPLY == 'bad ??' ]]
  json_plain 'a \"b\" \\n \\\" \u0007'
  [[ $REPLY == 'a "b" \n \" \u0007' ]]
}
