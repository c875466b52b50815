# shellcheck shell=bash
# shellcheck disable=SC2034,SC2016 # used by text.sh; nothing here is to be expanded
# What fault-test.sh says, in English.
declare -gA TEXT

TEXT[fault.nodrill]='there is no drill "%s"; there are: %s'
TEXT[fault.kept]='%s holds an earlier run; name another directory'
TEXT[fault.nodir]='there is no directory %s, in which --keep has kept a run'
TEXT[fault.notool]='%s is needed and was not found'
TEXT[fault.forward]='a forwarded port ends with its pod, so the drills need NodePorts or the API server'\''s proxy (--via nodeport, --via proxy)'
TEXT[fault.norole]='there is no node of the role %s: this is not a whole cluster'
TEXT[fault.unhealthy]='Nothing was broken: the cluster in the context %s is not healthy as it is.%s'
TEXT[fault.replicas]='its Deployment has %s replicas, and not 1'
TEXT[fault.podnotready]='its pod is not ready'
TEXT[fault.noleader]='nobody leads'
TEXT[fault.nofirst]='Nothing was broken: a first write did not succeed (HTTP status %s) %s'
TEXT[fault.noterminal]='the context %s is not a local kind or minikube one, and there is nobody to ask: give --yes to break it without a question'
TEXT[fault.ask]='The nodes in the namespace %s of the context %s will be taken away and put back; writes fail meanwhile. Drills: %s. Begin? [y/N] '
TEXT[fault.dropped]='Nothing was broken.'
TEXT[fault.restoring]='scaling back to what it was, in the context %s'
TEXT[fault.unrestored]='%s could not be scaled back; do it with: kubectl --context %s -n %s scale deployment NAME --replicas=%s'

TEXT[fault.begin]='Context %s, values %s…, %s writers, drills: %s'
TEXT[fault.drill.acceptor]='acceptor: one acceptor to zero, and back'
TEXT[fault.drill.quorum]='quorum: a majority of the acceptors to zero, and back'
TEXT[fault.drill.acceptors]='acceptors: all acceptors to zero, and back'
TEXT[fault.drill.all]='all: everything to zero, and back'
TEXT[fault.drill.leader]='leader: its pod deleted without a warning'
TEXT[fault.drill.passed]='%s: ok in %s s; longest pause without a successful write: %s s'
TEXT[fault.drill.failed]='%s: FAILED in %s s; longest pause without a successful write: %s s'
TEXT[fault.within]='%s: %s s (bound: %s s)'
TEXT[fault.over]='%s: %s s, over the bound of %s s'
TEXT[fault.toolong]='FAILED: %s: %s s, more than five times the bound of %s s'
TEXT[fault.readyafter]='pods ready %s s after they were asked for'
TEXT[fault.writeagain]='recovered: a write succeeds after the pods were ready'
TEXT[fault.writeafter]='recovered: a write succeeds after the pod was deleted (the drill'\''s own, sent once the new leader was seen; other writers may be sooner)'
TEXT[fault.takespart]='%s takes part again, after it was ready'
TEXT[fault.answer]='a write is answered with HTTP status %s (%s)'
TEXT[fault.noticed]='noticed: a write is refused as not applied (%s)'
TEXT[fault.leaderdies]='%s leads; its pod %s is deleted'
TEXT[fault.newleader]='a new leader, %s'
TEXT[fault.nonefailed]='no write failed'

TEXT[fault.stays]='FAILED: pods do not go away: %s'
TEXT[fault.notready]='FAILED: no ready pod of: %s'
TEXT[fault.nowrite]='FAILED: no write succeeds any more'
TEXT[fault.left]='FAILED: not everything could be scaled back'
TEXT[fault.broke]='FAILED: kubectl refused; see above'
TEXT[fault.writesfailed]='FAILED: %s writes had no success'
TEXT[fault.aside]='FAILED: %s does not take part again'
TEXT[fault.noquorum]='FAILED: a write was acknowledged without a quorum, at slot %s'
TEXT[fault.noreason]='FAILED: a write is answered with HTTP status %s; 503 or 504 with a reason is due'
TEXT[fault.unnoticed]='FAILED: nobody noticed that there is no quorum: no 503 with a reason'
TEXT[fault.restarted]='FAILED: the pod %s was restarted'

TEXT[fault.judging]='The drills are over: outcomes are settled, and the learners'\'' logs are read.'
TEXT[fault.unread]='the log of %s cannot be read to its end: %s'
TEXT[fault.nojudgement]='what %s holds cannot be judged: run, history, settled, faults and log.NODE are needed, as --keep writes them'
TEXT[fault.counts]='Writes: %s acknowledged, %s refused as not applied, %s unknown (of which later %s applied, %s burnt, %s still unknown), %s other errors.'
TEXT[fault.wrong.lost]='LOST: %s is not in the log of %s'
TEXT[fault.wrong.twice]='TWICE: %s in the log of %s'
TEXT[fault.wrong.elsewhere]='ELSEWHERE: %s, in the log of %s'
TEXT[fault.wrong.undead]='THERE AFTER ALL: %s in the log of %s'
TEXT[fault.wrong.unsent]='UNSENT: %s in the log of %s, though nobody is known to have sent it'
TEXT[fault.wrong.order]='OUT OF ORDER: %s (%s)'
TEXT[fault.wrong.unordered]='SLOTS OUT OF ORDER: %s in the log of %s'
TEXT[fault.wrong.differ]='LEARNERS DIFFER: %s: %s'
TEXT[fault.wrong.unread]='UNREAD: %s was not read to its end%s'
TEXT[fault.wrong.garbled]='GARBLED: %s (%s)'
TEXT[fault.wrong.empty]='EMPTY: no acknowledged write in the %s (%s): that proves nothing'
TEXT[fault.wrong.more]='… and %s more'
TEXT[fault.pass]='VERDICT: PASS: %s acknowledged writes are there, each once, where and in the order they were told%s.'
TEXT[fault.pass.both]='; both kinds of refusal held'
TEXT[fault.pass.refused]='; what was refused as not applied is not there'
TEXT[fault.pass.burnt]='; what was burnt is not there'
TEXT[fault.fail]='VERDICT: FAIL: %s things are wrong with the history, %s with the drills.'

TEXT[fault.help]='Usage: %s [OPTION…] [DRILL…]

Breaks a cluster on Kubernetes on purpose while values are written, waits until
it has healed, and compares what writers were told with what every learner has.

  acceptor              one acceptor to zero and back: no write fails, and it takes
                        part again within 10 s of ready
  quorum                a majority of the acceptors to zero and back: 503 or 504 with
                        a reason within 2 s, no pod is restarted
  acceptors             all acceptors to zero and back: likewise
  all                   everything to zero and back
  leader                the leader'\''s pod is deleted without a warning: another leads
                        within 3 s
Without any: all of these, in this order. A bound that is missed is said; missed
five times over, it is a failure.

  --context NAME        of kubectl (default: $PAXOS_CONTEXT, else kind-paxos)
  --via WAY             nodeport or proxy (default: the first that works)
  --seconds N           how long a fault lasts (default: 5)
  --writers N           how many write at once (default: 4)
  --yes                 do not ask, whichever context it is
  --keep DIR            keep the calls, the logs that were compared, and what did
                        not hold in the drills
  --check DIR           break nothing; judge again what was kept there
  --lang en|pt          language; by default that of the locale, if it is there

Only the namespace paxos is touched. In a context that is not a local kind'\''s or
minikube'\''s, it asks before it begins; without a terminal it then needs --yes. At
the end, after Ctrl-C, and when the terminal is closed, everything is scaled back to
what it was.

Exit codes: 0 VERDICT: PASS · 1 VERDICT: FAIL, or an error · 2 usage · 5 nothing was
begun: the cluster is not there or not healthy · 130 interrupted'
