#!/usr/bin/env bats
# The sentences: the same ones in every language, with the same blanks to fill.

setup() {
  load helpers
  # shellcheck source=/dev/null # checked on its own
  source "$SCRIPTS/lib/text.sh"
}

# sentences FILE prints a line for each sentence: its name, and what is filled
# into it, in order.
sentences() {
  local name rest out
  TEXT=()
  # shellcheck source=/dev/null # checked on its own
  source "$1"
  for name in "${!TEXT[@]}"; do
    rest=${TEXT[$name]//%%/} out=''
    while [[ $rest =~ (%[-+0-9.]*[a-zA-Z])(.*)$ ]]; do
      out+="${BASH_REMATCH[1]} " rest=${BASH_REMATCH[2]}
    done
    printf '%s: %s\n' "$name" "$out"
  done | sort
}

@test "each sentence is there in both languages, with the same blanks" {
  local source file there
  [[ -r $SCRIPTS/lib/messages.pt.sh ]]
  for source in "$SCRIPTS"/lib/*.en.sh; do
    file=${source%.en.sh}.pt.sh
    [[ -r $file ]] || { echo "there is no $file"; return 1; }
    there=$(sentences "$source")
    [[ ${#there} -gt 20 ]]
    diff <(printf '%s\n' "$there") <(sentences "$file") || { echo "$source and $file differ"; return 1; }
  done
  for file in "$SCRIPTS"/lib/*.pt.sh; do
    [[ -r ${file%.pt.sh}.en.sh ]] || { echo "$file has no English"; return 1; }
  done
}

@test "what compares the languages sees a lost sentence and a lost blank" {
  cd "$BATS_TEST_TMPDIR"
  printf '%s\n' "TEXT[a]='%s and %d of 5 %%, %-9s'" "TEXT[b]='b'" >one
  [[ $(sentences one) == $'a: %s %d %-9s \nb: ' ]]
}

@test "no sentence has two names, and none is told in a file of another language" {
  local twice
  twice=$(grep -ho '^TEXT\[[a-z0-9.-]*\]=' "$SCRIPTS"/lib/*.en.sh | sort | uniq -d)
  [[ -z $twice ]] || { printf '%s\n' "$twice"; return 1; }
}

@test "every sentence that a script names is there" {
  local name missing=''
  text_load en
  while IFS= read -r name; do
    [[ -n ${TEXT[$name]+there} ]] || missing+=" $name"
  done < <(grep -hoE '\b(say|complain|text|usage|note|ask|agreed|fail) [a-z]+(\.[a-z0-9-]+)+' "$SCRIPTS"/*.sh "$SCRIPTS"/lib/*.sh | grep -vE '\.sh$' | awk '{ print $2 }' | sort -u)
  [[ -z $missing ]] || { echo "no sentence:$missing"; return 1; }
}

@test "the language: by option, by locale, else English" {
  run -0 "$CLIENT" --lang pt --help
  [[ $output == *Uso:* && $output == *'en|pt'* ]]
  run -0 env LC_ALL='' LANG=pt_BR.UTF-8 "$CLIENT" --help
  [[ $output == Uso:* ]]
  run -0 env LC_ALL='' LANG=pt_BR.UTF-8 "$MONITOR" --help
  [[ $output == Uso:* ]]
  run -0 env LC_ALL='' LANG=pt_BR.UTF-8 "$CLIENT" --lang en --help
  [[ $output == Usage:* ]]
  run -0 env LC_ALL='' LANG=xx_YY.UTF-8 "$CLIENT" --help
  [[ $output == Usage:* ]]
  run -2 "$CLIENT" --lang xx --help
  [[ $output == *'"xx"; there are: en, pt' ]]
  run -0 "$CLIENT" --lang pt_BR --help
  [[ $output == Uso:* ]]
  local script
  for script in "$CLIENT" "$MONITOR" "$SCRIPTS/fault-test.sh"; do
    run -2 "$script" --bogus --lang pt
    [[ $output == 'opção desconhecida "--bogus"'* ]]
    run -2 "$script" --lang=pt_BR.UTF-8 --bogus
    [[ $output == 'opção desconhecida "--bogus"'* ]]
  done
  run -2 "$MONITOR" --lang pt --interval x
}

@test "columns are as wide as their characters are many, in any locale" {
  local locale
  for locale in C C.UTF-8; do
    # shellcheck disable=SC2016 # for the other shell
    run -0 env LC_ALL="$locale" bash -c 'source "$1/lib/text.sh"; padded 6 não; printf "%s|" "$REPLY"; padded 2 inalcançável; printf "%s|" "$REPLY"' - "$SCRIPTS"
    [[ $output == 'não   |inalcançável|' ]]
  done
}

@test "a sentence that is missing in a language is told in English" {
  cp -r "$SCRIPTS/lib" "$BATS_TEST_TMPDIR/lib"
  # shellcheck source=/dev/null # checked on its own
  source "$BATS_TEST_TMPDIR/lib/text.sh"
  printf '%s\n' "TEXT[first.only]='here'" >>"$BATS_TEST_TMPDIR/lib/messages.en.sh"
  text_load pt
  [[ ${TEXT[first.only]} == here && ${TEXT[menu.bye]} == 'Até logo.' ]]
}

@test "the menu in Portuguese: a value is sent, yes is sim" {
  need_nodes
  run -0 "$CLIENT" --lang pt <<<$'2\nem português\n2\n\ns\n2\n\nn\n6\n99\nq'
  [[ $(grep -c 'Aplicado no slot' <<<"$output") == 2 ]] || { printf '%s\n' "$output"; return 1; }
  [[ $output == *'Nada foi enviado.'* && $output == *' lidera em '* && $output == *'"99" não é uma escolha'* && $output == *'Até logo.' ]]
}
