# shellcheck shell=bash
# The menu: a loop that ends with q or with the input, and with nothing else.

# ask TEXT [ARGUMENT…] prints the sentence and reads LINE; it fails at the end
# of the input. A last line without a newline is a line.
ask() {
  text "$@"
  printf '%s' "$REPLY"
  LINE=''
  if ! IFS= read -r LINE && [[ -z $LINE ]]; then
    printf '\n'
    return 1
  fi
  # A terminal shows what was typed; for a file of answers, the prompts stay
  # one to a line.
  [[ -t 0 ]] || printf '\n'
}

# ask_value reads LINE as a value: the empty one too, and what was pasted as a
# whole. It fails when nothing is to be sent.
ask_value() {
  local more lines=1 LC_ALL=C
  ask menu.value || return 1
  VALUE=$LINE
  if [[ -t 0 ]]; then
    # Lines that are there at once were pasted: they must not be taken for
    # answers to the menu.
    while IFS= read -r -t 0.05 more; do
      VALUE+=$'\n'$more
      lines=$((lines + 1))
      ((${#more} < 4095)) || LINE=$more
    done
    if ((${#LINE} >= 4095)); then
      say value.cut
      return 1
    fi
    if ((lines > 1)); then
      agreed send.pasted "$lines" || return 1
    fi
  fi
  [[ -n $VALUE ]] || agreed send.empty
}

# agreed TEXT [ARGUMENT…] asks, and succeeds when the answer is yes.
agreed() {
  ask "$@" && yes_said && return 0
  say send.dropped
  return 1
}

# yes_said succeeds if LINE begins like a yes in the language that was asked in.
yes_said() {
  text yes.letters
  [[ -n $LINE && $REPLY == *"${LINE::1}"* ]]
}

# choose_node ROLE TEXT [ARGUMENT…] lists the nodes and sets CHOSEN to one of
# them, empty for none; it fails on an answer that is none of them.
choose_node() {
  local role=$1 FOUND answer
  shift
  nodes_of "$role"
  fetch /livez ${FOUND[@]+"${FOUND[@]}"}
  list_nodes
  ask "$@" || return 1
  answer=${LINE//[[:space:]]/} CHOSEN=''
  [[ -n $answer ]] || return 0
  if [[ $answer =~ ^[1-9][0-9]{0,2}$ && -n ${FOUND[answer - 1]-} ]]; then
    CHOSEN=${FOUND[answer - 1]}
  elif [[ $answer =~ ^[A-Za-z0-9-]+$ && ${ROLE[$answer]-} == "$role" ]]; then
    CHOSEN=$answer
  else
    shown "$answer"
    say nodes.unknown "$role" "$REPLY" "${FOUND[*]-}"
    return 1
  fi
}

menu() {
  local choice CHOSEN VALUE KEY_NAME IFS=' '
  while :; do
    say menu "$CLIENT"
    ask menu.choose || break
    choice=${LINE//[[:space:]]/}
    # Whatever goes wrong with one choice, the menu goes on.
    case $choice in
      1) select_client || true ;;
      2) if ask_value; then send_value "$CLIENT" "$VALUE" || true; fi ;;
      3) show_values "$CLIENT" || true ;;
      4) show_responses "$CLIENT" || true ;;
      5) show_status "$CLIENT" || true ;;
      6) show_leader || true ;;
      7) if choose_node proposer menu.proposer && ask_value; then propose_value "$CHOSEN" "$VALUE" || true; fi ;;
      8) show_system || true ;;
      9) if choose_key && ask_value; then put_key "$CLIENT" "$KEY_NAME" "$VALUE" || true; fi ;;
      10) if choose_key && choose_consistency; then get_key "$CLIENT" "$KEY_NAME" || true; fi ;;
      11) if choose_key; then delete_key "$CLIENT" "$KEY_NAME" || true; fi ;;
      12) if ask menu.prefix && KEY_NAME=$LINE && choose_consistency; then list_keys "$CLIENT" "$KEY_NAME" || true; fi ;;
      q | Q | quit | exit) break ;;
      '') ;;
      *)
        shown "$choice"
        say menu.bad "$REPLY"
        ;;
    esac
  done
  say menu.bye
}

select_client() {
  choose_node client menu.client "$CLIENT" || return 1
  CLIENT=${CHOSEN:-$CLIENT}
  say menu.selected "$CLIENT" "${BASE[$CLIENT]}"
}
