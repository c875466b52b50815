#!/usr/bin/env bats
# paxos-client.sh: as a command and as a menu.

setup() {
  load helpers
}

@test "help needs no node" {
  run -0 elsewhere PAXOS_CLIENT_ADDRESSES='' "$CLIENT" --help
  [[ $output == *PAXOS_CLIENT_ADDRESSES* ]]
}

@test "bad usage is exit code 2, and a sentence" {
  run -2 "$CLIENT" nonsense
  run -2 "$CLIENT" send
  run -2 "$CLIENT" send two words
  run -2 "$CLIENT" send --looks-like-an-option
  run -2 "$CLIENT" --client nobody read
  [[ $output == *nobody* ]]
  run -2 elsewhere PAXOS_CLIENT_ADDRESSES='client1=nonsense' "$CLIENT" read
  [[ $output == *PAXOS_CLIENT_ADDRESSES* ]]
}

@test "addresses: blanks, commas, newlines, names or none, URLs" {
  run -0 elsewhere PAXOS_CLIENT_ADDRESSES=$' a=127.0.0.1:1,127.0.0.1:2\n c=http://127.0.0.1:3/x/ [::1]:4 ' "$CLIENT" clients
  [[ $output == *' a '* && $output == *' client2 '* && $output == *'127.0.0.1:3/x '* && $output == *'[::1]:4'* ]]
}

@test "nobody there: not applied, exit code 5" {
  run -5 elsewhere PAXOS_CLIENT_ADDRESSES=127.0.0.1:1 "$CLIENT" send x
  run -5 elsewhere PAXOS_PROPOSER_ADDRESSES=127.0.0.1:1 "$CLIENT" leader
}

@test "nobody there: which addresses were tried, and what names others" {
  cd "$BATS_TEST_TMPDIR"
  run -5 elsewhere PAXOS_CLIENT_ADDRESSES=127.0.0.1:1 "$CLIENT" get k
  [[ $output == *"Nobody answered at 127.0.0.1:1 (from \$PAXOS_CLIENT_ADDRESSES)."*PAXOS_PROPOSER_ADDRESSES*PAXOS_DATA* ]] || { printf '%s\n' "$output"; return 1; }
  run -5 elsewhere PAXOS_CLIENT_ADDRESSES=127.0.0.1:1 "$CLIENT" send x
  [[ $output == *'Nobody answered'* ]]
  run -5 elsewhere PAXOS_PROPOSER_ADDRESSES=127.0.0.1:1 "$CLIENT" leader
  [[ $output == *"Nobody answered at 127.0.0.1:1 (from \$PAXOS_PROPOSER_ADDRESSES)"* ]]
}

@test "the local cluster of a directory is found where it says that it is" {
  cd "$BATS_TEST_TMPDIR"
  mkdir -p paxos-data other
  printf '%s\n' proposer1=127.0.0.1:3 client1=127.0.0.1:4 client2=127.0.0.1:5 >paxos-data/addresses
  printf '%s\n' client1=127.0.0.1:6 >other/addresses
  run -0 elsewhere "$CLIENT" clients
  [[ $output == *'client1 '*127.0.0.1:4*'client2 '*127.0.0.1:5* && $output != *6001* ]]
  run -5 elsewhere "$CLIENT" read
  [[ $output == *'Nobody answered at 127.0.0.1:4 (from paxos-data/addresses)'* ]] || { printf '%s\n' "$output"; return 1; }
  run -0 elsewhere PAXOS_DATA=other "$CLIENT" clients
  [[ $output == *127.0.0.1:6* && $output != *127.0.0.1:4* ]]
  run elsewhere PAXOS_DATA=nowhere PAXOS_MAX_WAIT=1 "$CLIENT" clients
  [[ $output == *127.0.0.1:6001* && $output != *127.0.0.1:4* ]]
  rm -r paxos-data
  run -0 elsewhere "$CLIENT" clients
  [[ $output == *127.0.0.1:6001* ]]
}

@test "paxosctl's variables name clients too, and ours go first" {
  cd "$BATS_TEST_TMPDIR"
  mkdir -p paxos-data
  echo client1=127.0.0.1:4 >paxos-data/addresses
  run -0 elsewhere PAXOS_ENDPOINTS=127.0.0.1:7,127.0.0.1:8 "$CLIENT" clients
  [[ $output == *'client1 '*127.0.0.1:7*'client2 '*127.0.0.1:8* && $output != *127.0.0.1:4* ]]
  run -0 elsewhere PAXOS_ENDPOINTS=127.0.0.1:7 PAXOS_CLIENT_ADDRESSES=127.0.0.1:9 "$CLIENT" clients
  [[ $output == *127.0.0.1:9* && $output != *127.0.0.1:7* ]]
  run -0 elsewhere PAXOS_ENDPOINTS=127.0.0.1:7 PAXOS_PROPOSER_ADDRESSES=127.0.0.1:9 "$CLIENT" clients
  [[ $output == *127.0.0.1:7* ]]
  run -2 elsewhere PAXOS_ENDPOINTS=nonsense "$CLIENT" clients
  [[ $output == *PAXOS_ENDPOINTS* ]]
}

@test "a value is sent and read back" {
  need_nodes
  local value="bats $BATS_TEST_NAME $RANDOM \"'\\ \$(id) é"
  run -0 "$CLIENT" send "$value"
  [[ $output =~ ^Applied\ at\ slot\ ([0-9]+) ]]
  run -0 "$CLIENT" --slot "${BASH_REMATCH[1]}" read
  [[ $output == *"${value//[\"\\]*/}"* ]]
}

@test "each number is a choice" {
  need_nodes
  local n
  run -0 "$CLIENT" 2 'by number'
  run -0 "$CLIENT" 7 'by number, directly'
  for n in 1 3 4 5 6 8; do
    run -0 "$CLIENT" "$n"
  done
}

@test "the same key applies once" {
  need_nodes
  local key=bats-$RANDOM-$RANDOM first
  run -0 "$CLIENT" --key "$key" send once
  first=$output
  run -0 "$CLIENT" --key "$key" --client client2 send once
  [[ $output == "$first" ]]
  run -4 "$CLIENT" --key "$key" send other
}

@test "the menu goes on after bad input and ends with it" {
  need_nodes
  run -0 "$CLIENT" <<<$'\nx\n$(id)\n99\n1\nnobody\n2\nfrom the menu\n6\nq\n2\nnever'
  [[ $output == *'Applied at slot'* && $output == *leads* && $output != *never* ]]
  run -0 "$CLIENT" </dev/null
}

@test "a key is set, read, listed and deleted" {
  need_nodes
  local key="bats/$RANDOM-$RANDOM/..//é \$(id)?&%"
  run -3 "$CLIENT" get "$key"
  run -0 "$CLIENT" put "$key" 'one "value"'
  [[ $output == *'Applied at slot'*'version 1.'* ]]
  run -0 "$CLIENT" --client client2 get "$key"
  [[ ${lines[0]} == '"one \"value\""' && $output == *linearizable* ]]
  run -0 "$CLIENT" --consistency bounded --max-age 500ms get "$key"
  [[ $output == *bounded* ]]
  run -0 "$CLIENT" --limit 5 list "$key"
  [[ ${lines[0]} == *$'\t"one \\"value\\""' && $output == *'1 of 1 keys'* ]]
  run -0 "$CLIENT" delete "$key"
  run -0 "$CLIENT" delete "$key"
  [[ $output == *'no such key'* ]]
}

@test "a list goes on over its pages" {
  need_nodes
  local i prefix=bats/$RANDOM-$RANDOM
  for i in 1 2 3; do "$CLIENT" put "$prefix/$i" v >/dev/null 2>&1; done
  run -0 "$CLIENT" --limit 2 list "$prefix"
  [[ $output == *'2 of 3 keys'* ]]
}

@test "a write of a key under one key is done once" {
  need_nodes
  local key=bats-$RANDOM-$RANDOM first
  run -0 "$CLIENT" --key "$key" put "bats/$key" once
  first=${lines[0]}
  run -0 "$CLIENT" --key "$key" --client client2 put "bats/$key" once
  [[ ${lines[0]} == "$first" ]]
  run -4 "$CLIENT" --key "$key" put "bats/$key" other
}

@test "keys in the menu: the session sees what it wrote" {
  need_nodes
  run -0 "$CLIENT" <<<$'9\nbats/menu\nwritten\n10\nbats/menu\ns\n10\nbats/menu\nnonsense\n12\nbats/menu\n\n11\nbats/menu\n9\n\nq'
  [[ $output == *'"written"'* && $output == *'session read'* && $output == *'"nonsense" is no consistency'* && $output == *'Nothing was sent'* ]]
}
