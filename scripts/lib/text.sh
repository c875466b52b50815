# shellcheck shell=bash
# What the scripts say: sentences by name, from all files *.LANGUAGE.sh beside
# this one, so that another language is other files and nothing else.

declare -gA TEXT=()

# text_load LANGUAGE reads the sentences; it fails when there are none.
text_load() {
  local dir=${BASH_SOURCE[0]%/*} language file
  [[ $1 =~ ^[a-z]{2}$ && -r $dir/messages.$1.sh ]] || return 1
  # English first: a sentence that is missing elsewhere is still there.
  for language in en "$1"; do
    for file in "$dir"/*."$language.sh"; do
      # shellcheck source=/dev/null # checked on its own
      source "$file"
    done
    [[ $1 != en ]] || return 0
  done
}

# text_settle ARGUMENT… loads the language that --lang names among a script's
# arguments, before any of them is judged; one that is not there is refused later.
text_settle() {
  local wanted=''
  while (($# > 0)) && [[ $1 != -- ]]; do
    case $1 in
      --lang=*) wanted=${1#*=} ;;
      --lang) wanted=${2-} ;;
    esac
    shift
  done
  text_language "$wanted" || text_language ''
}

# text_language GIVEN loads that language, or else the one of the locale, or
# English. Only a language that was asked for by name can be missing.
text_language() {
  local locale=${LC_ALL:-${LC_MESSAGES:-${LANG:-en}}}
  if [[ -n $1 ]]; then
    # A locale's name is taken as its language.
    if [[ $1 =~ ^([a-z]{2})[_-][A-Za-z]{2}([.@].*)?$ ]]; then text_load "${BASH_REMATCH[1]}"; else text_load "$1"; fi
  else
    text_load "${locale::2}" || text_load en
  fi
}

# text NAME [ARGUMENT…] sets REPLY to the sentence with the arguments in it.
text() {
  local name=$1
  shift
  # shellcheck disable=SC2059 # the format is one of our own sentences
  printf -v REPLY -- "${TEXT[$name]}" "$@"
}

# say prints a sentence, complain prints it to stderr.
say() {
  text "$@"
  printf '%s\n' "$REPLY"
}

complain() {
  text "$@"
  printf '%s\n' "$REPLY" >&2
}

# padded WIDTH TEXT sets REPLY to the text, filled up to so many characters:
# printf counts bytes. Bytes that continue a character are left out of the count.
padded() {
  local LC_ALL=C count
  count=${2//[$'\x80'-$'\xbf']/}
  count=$(($1 - ${#count}))
  printf -v REPLY '%s%*s' "$2" $((count > 0 ? count : 0)) ''
}

# paint COLOUR TEXT sets REPLY to the text, coloured if COLOURS is not empty.
COLOURS=''
paint() {
  REPLY=$2
  [[ -z $COLOURS ]] || REPLY=$'\e['"$1m$2"$'\e[0m'
}

# loud COLOUR prints REPLY to stderr, coloured if people look there.
loud() {
  [[ ! -t 2 ]] || paint "$1" "$REPLY"
  printf '%s\n' "$REPLY" >&2
}

# colours_if FD allows colours when that is a terminal that wants them
# (https://no-color.org).
colours_if() {
  if [[ -t $1 && -z ${NO_COLOR-} && ${TERM:-dumb} != dumb ]]; then
    COLOURS=yes
  fi
}
