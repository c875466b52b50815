# shellcheck shell=bash
# shellcheck disable=SC2034,SC2016 # used by text.sh; nothing here is to be expanded
# The scripts' sentences in English. %s are filled in; a literal % is %%.
declare -gA TEXT

TEXT[bash.old]='bash 4.4 or newer is needed; this is %s'
TEXT[curl.missing]='curl is needed and was not found'
TEXT[language.none]='there are no sentences in the language "%s"; there are: en, pt'

TEXT[nodes.bad]='%s: "%s" is no address; name=host:port or name=http://… is needed'
TEXT[nodes.twice]='%s: the name %s is used twice'
TEXT[nodes.none]='there is no node of the role "%s": set PAXOS_%s_ADDRESSES'
TEXT[nodes.usual]='the usual ports: there is no %s, which paxosctl local up writes'
TEXT[nodes.silent]='Nobody answered at %s (from %s).
PAXOS_CLIENT_ADDRESSES, PAXOS_PROPOSER_ADDRESSES, PAXOS_ACCEPTOR_ADDRESSES and PAXOS_LEARNER_ADDRESSES
say where nodes are, PAXOS_DATA in which directory the local cluster is, --kube that they are on Kubernetes.'
TEXT[kubenodes.used]='Kubernetes: context %s, namespace %s, by %s'
TEXT[kubenodes.nodeport]='NodePort'
TEXT[kubenodes.proxy]='the API server (kubectl proxy)'
TEXT[kubenodes.forward]='kubectl port-forward'
TEXT[kubenodes.unlisted]='the Services and Deployments of the namespace %s in the context %s cannot be listed: see kubectl auth can-i list services,deployments'
TEXT[kubenodes.empty]='the namespace %s in the context %s has no nodes: deploy-paxos-k8s.sh makes them'
TEXT[kubenodes.noproxy]='kubectl proxy does not start in the context %s; try --via forward'
TEXT[kubenodes.noport]='no node of the context %s answers at its NodePort; try --via proxy'
TEXT[kubenodes.noforward]='kubectl port-forward to %s in the context %s does not start; is its pod there?'
TEXT[kubenodes.zero]='scaled to zero'
TEXT[kubenodes.said]='the API server says: %s'
TEXT[kubenodes.key]='The API server would make another key of this one on its way (//, /./ or /../). With --via forward it arrives as it is.'
TEXT[nodes.unknown]='there is no %s "%s"; there are: %s'

TEXT[http.none]='no answer'
TEXT[http.strange]='the answer is not understood; is this a node of the cluster?'
TEXT[http.status]='HTTP status %s'

TEXT[usage.option]='unknown option "%s"; a value that begins with a hyphen needs -- before it (see --help)'
TEXT[usage.argument]='%s needs %s (see --help)'
TEXT[usage.verb]='unknown choice "%s" (see --help)'
TEXT[usage.number]='%s: "%s" is not a whole number (see --help)'
TEXT[usage.seconds]='%s: "%s" is no number of seconds (see --help)'
TEXT[usage.key]='--key: 1 to 128 letters, digits, dots, hyphens and underscores, the first a letter or digit'
TEXT[usage.extra]='unexpected argument "%s"; a value with blanks needs quotes (see --help)'
TEXT[usage.stray]='unexpected argument "%s" (see --help)'
TEXT[usage.maxwait]='PAXOS_MAX_WAIT: "%s" is no whole number of seconds from 1 to 9999'
TEXT[usage.both]='give the value as an argument or with --stdin, not both'
TEXT[usage.consistency]='"%s" is no consistency: linearizable, session, bounded or stale'
TEXT[usage.age]='--max-age: "%s" is no duration, such as 500ms or 2s'
TEXT[usage.context]='--context: "%s" is no name of a context; kubectl config get-contexts lists them'
TEXT[usage.via]='--via: "%s" is no way: nodeport, proxy or forward'
TEXT[usage.token]='--session-token: "%s" is no session token'
TEXT[a.value]='a value'
TEXT[a.key]='a key'
TEXT[a.pair]='a key and a value'
TEXT[an.argument]='an argument'

TEXT[value.utf8]='the value is not valid UTF-8, and cannot be sent as text'
TEXT[value.nul]='the value has a NUL character, which bash cannot hold; use curl or paxosctl'
TEXT[value.large]='the value has %s bytes; 4194304 is the most that any node takes'
TEXT[value.cut]='the terminal cuts lines at 4095 bytes: give a value that long with --stdin'
TEXT[random.none]='there is no source of random numbers for a key; give one with --key'

TEXT[send.applied]='Applied at slot %s, position %s. (key %s)'
TEXT[send.chosen]='Chosen at slot %s, position %s. (key %s)'
TEXT[send.refused]='Refused by %s: %s'
TEXT[send.notapplied]='Not applied: %s'
TEXT[send.unreached]='Not applied: %s cannot be reached at %s.'
TEXT[send.again]='This attempt was not applied (%s), but the outcome of an earlier one is still unknown. (key %s)'
TEXT[send.unknown]='UNKNOWN: it may be applied later, or never: %s'
TEXT[send.unknown.how]='To settle it, with the same key:
  resend        %s --key %s %s
  ask           GET %s at any client, or: %s outcome %s
  rule it out   DELETE the same, or: %s burn %s'
TEXT[send.what]='r resend with the same key · o ask its outcome · b rule it out · Enter leave it: '
TEXT[send.follow]='Send it to %s instead? [y/N] '
TEXT[send.empty]='Send the empty value? [y/N] '
TEXT[send.pasted]='%s lines were pasted. Send them as one value? [y/N] '
TEXT[send.dropped]='Nothing was sent.'

TEXT[outcome.applied]='%s: applied at slot %s, position %s.'
TEXT[outcome.burnt]='%s: ruled out; nothing will ever be applied under this key.'
TEXT[outcome.not-seen]='%s: not seen so far. That is not never: a copy may still be on its way.'
TEXT[outcome.other]='%s: %s.'

TEXT[read.end]='%s values shown of %s, as %s has applied them: stale reads may lack the newest.'
TEXT[read.end.one]='%s value shown of %s, as %s has applied them: stale reads may lack the newest.'
TEXT[read.more]='Enter for more, q to stop: '
TEXT[read.cut]=' … (%s bytes)'
TEXT[responses.head]='LEARNER     STATUS      SLOT.POS    SESSION           SEQUENCE'
TEXT[responses.none]='No learner has reported to %s since it started.'

TEXT[store.nokey]='a key is not empty'
TEXT[store.put]='The key is at revision %s now, version %s.'
TEXT[store.absent]='There was no such key: nothing was deleted.'
TEXT[store.fresh]='%s read at revision %s from %s.'
TEXT[store.aged]='%s read at revision %s from %s, the latest state at most %s ms ago.'
TEXT[store.listed]='%s of %s keys shown.'

TEXT[status.line]='%-22s %s'
TEXT[status.address]='address'
TEXT[status.status]='status'
TEXT[status.started]='started'
TEXT[leader.head]='PROPOSER    LEADS  PHASE       FOLLOWS     BALLOT              ACCEPTORS     CHOSEN BELOW'
TEXT[leader.acceptors]='%s (need %s)'
TEXT[leader.yes]='%s leads at %s.'
TEXT[leader.two]='%s and %s both say that they lead: the one with the lower ballot is about to notice.'
TEXT[leader.none]='Nobody leads at the moment.'
TEXT[system.head]='NODE        ROLE        STATUS       DETAILS'
TEXT[system.sum]='%s of %s nodes answer.'
TEXT[status.unreachable]='unreachable'
TEXT[yes]='yes'
TEXT[no]='no'
TEXT[yes.letters]='yY'

TEXT[menu]='
Paxos · client: %s
  1  select client
  2  send a value
  3  read values
  4  view responses
  5  client status
  6  leader status
  7  send directly to a proposer
  8  whole system status
  9  put a key            10  get a key
 11  delete a key         12  list keys
  q  quit'
TEXT[menu.choose]='Choose: '
TEXT[menu.bad]='"%s" is no choice: 1 to 12, or q.'
TEXT[menu.value]='Value: '
TEXT[menu.client]='Client (number or name, Enter for %s): '
TEXT[menu.proposer]='Proposer (number or name, Enter for the leader): '
TEXT[menu.key]='Key: '
TEXT[menu.prefix]='Keys that begin with (Enter for all): '
TEXT[menu.consistency]='How fresh? l linearizable · s session · b bounded by 1s · t stale · Enter for %s: '
TEXT[menu.selected]='Selected %s at %s.'
TEXT[menu.bye]='Bye.'

TEXT[client.help]='Usage: %s [OPTION…] [CHOICE [ARGUMENT]]

Without a choice, an interactive menu. A choice is its number or its name:
  1 clients             list the clients
  2 send VALUE          send a value through a client
  3 read                read the values in log order
  4 responses           what learners reported to the client
  5 status              the client'\''s status
  6 leader              who leads
  7 propose VALUE       send directly to a proposer
  8 system              the status of all nodes
  9 put KEY VALUE       set a key of the store to a value
 10 get KEY             read a key
 11 delete KEY          delete a key
 12 list [PREFIX]       list the keys that begin with a text, or all
    outcome KEY         what became of a value that was sent under this key
    burn KEY            make sure that it is never applied, unless it was

Options:
  --client NAME         which client to use (default: the first)
  --proposer NAME       which proposer (default: the one that leads)
  --key KEY             idempotency key of a send, put or delete; by default a random one.
                        The same key again never applies a value twice.
  --stdin               take the value from standard input, as it is
  --timeout SECONDS     how long to wait for an outcome (default: the node'\''s)
  --slot N              read: wait for slot N and show it
  --from N              read: begin at slot N
  --limit N             read, responses, list: show at most N
  --consistency HOW     get, list: linearizable (default), session, bounded, stale
  --max-age DURATION    with bounded: how old at most (default: 1s)
  --session-token TEXT  with session: that of an earlier answer; the menu keeps it
  --kube                nodes on Kubernetes, whatever addresses are set
  --context NAME        in this context of kubectl (default: $PAXOS_CONTEXT, else kind-paxos)
  --via WAY             reach them by nodeport, proxy (the API server'\''s) or forward
                        (kubectl port-forward); without it, the first that works
  --lang en|pt          language; by default that of the locale, if it is there
  --                    what follows is no option, even with a hyphen

Environment: PAXOS_PROPOSER_ADDRESSES, PAXOS_ACCEPTOR_ADDRESSES,
PAXOS_LEARNER_ADDRESSES, PAXOS_CLIENT_ADDRESSES: "name=host:port name=http://…",
separated by blanks or commas. When none is set: $PAXOS_ENDPOINTS, as for
paxosctl; else Kubernetes, if $PAXOS_CONTEXT is set; else the local cluster in
$PAXOS_DATA or ./paxos-data; else Kubernetes, if kubectl has the context
kind-paxos and its namespace paxos has nodes; else the usual ports of this machine.
PAXOS_MAX_WAIT: seconds until a node that says nothing is given up (default: 15).

Values are shown as JSON strings, so that nothing in them reaches the terminal
as a command.

Exit codes: 0 ok · 1 error · 2 usage · 3 not found · 4 conflict (the key is burnt,
or was used for another value) · 5 not applied, or unavailable · 6 outcome
unknown · 130 interrupted'

TEXT[monitor.help]='Usage: %s [OPTION…]

Shows the protocol events of the nodes (/view-logs) as they happen, each once.

  --proposers --acceptors --learners --clients
                        only these roles; several may be given (default: all)
  --interval SECONDS    between two looks (default: 1); 0.5 is possible
  --no-follow           show what there is, and end
  --last N              begin with at most N past events of each node
                        (default: 100; 0 for none)
  --verbose             every kind of event, and the nodes'\'' states. Without it:
                        %s
  --kubectl-logs        also the pods'\'' own logs, each line marked; Kubernetes only
  --kube                nodes on Kubernetes, whatever addresses are set
  --context NAME        in this context of kubectl (default: $PAXOS_CONTEXT, else kind-paxos)
  --via WAY             reach them by nodeport, proxy (the API server'\''s) or forward
                        (kubectl port-forward); without it, the first that works
  --lang en|pt          language; by default that of the locale, if it is there

Environment: as in paxos-client.sh: PAXOS_PROPOSER_ADDRESSES="name=host:port …",
PAXOS_ACCEPTOR_ADDRESSES, PAXOS_LEARNER_ADDRESSES, PAXOS_CLIENT_ADDRESSES; or
PAXOS_ENDPOINTS, PAXOS_CONTEXT, PAXOS_DATA, ./paxos-data, or Kubernetes.

Times are UTC, as each node'\''s own clock says. Ctrl-C ends.

Exit codes: 0 ok · 1 no node answered (--no-follow) · 2 usage · 130 interrupted'
TEXT[monitor.unreachable]='%s is unreachable at %s: %s'
TEXT[monitor.back]='%s is back'
TEXT[monitor.restarted]='%s was started again'
TEXT[monitor.lost]='%s: up to %s events were overwritten before they could be shown'
TEXT[monitor.following]='following %s nodes, every %s s; Ctrl-C ends'
TEXT[monitor.log]='log'
