# shellcheck shell=bash
# What the tests share. Addresses come from the environment, as for the scripts
# themselves; without any it is the cluster of this machine, and tests that
# need nodes are skipped when none answers.

bats_require_minimum_version 1.5.0
SCRIPTS=$(cd -- "$BATS_TEST_DIRNAME/.." && pwd)
CLIENT=$SCRIPTS/paxos-client.sh
MONITOR=$SCRIPTS/monitor.sh
export LC_ALL=C
export SCRIPTS CLIENT MONITOR

# paxosctl's variables are other people's, unless a test sets them.
unset PAXOS_ENDPOINTS PAXOS_PROPOSER_ENDPOINTS PAXOS_ACCEPTOR_ENDPOINTS PAXOS_DATA PAXOS_CONTEXT

# No test reaches a cluster on Kubernetes that happens to be there.
export KUBECONFIG=/nonexistent

# elsewhere VARIABLE=ADDRESSES COMMAND… runs a command with these addresses and
# no others.
elsewhere() {
  env -u PAXOS_PROPOSER_ADDRESSES -u PAXOS_ACCEPTOR_ADDRESSES -u PAXOS_LEARNER_ADDRESSES -u PAXOS_CLIENT_ADDRESSES "$@"
}

need_nodes() {
  "$CLIENT" leader >/dev/null 2>&1 || skip 'no cluster answers'
}
