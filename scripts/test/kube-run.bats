#!/usr/bin/env bats
# run.sh, in a world of stubs.

setup() {
  load kube
  world
  with curl
  cluster_up
  ours
  network
  RUN=$SCRIPTS/run.sh
}

@test "waits, initialises once, finds the leader, checks all, says where" {
  printf '%s\n' 'acceptor1|30401' 'client1|30601' 'learner1|' 'paxos-gossip|' >"$WORLD/services"
  echo http://127.0.0.1:30 >"$WORLD/reach"
  echo '{"node":"acceptor1","start":"Sacceptor1"}' >"$WORLD/reached"
  run -0 "$RUN"
  tidy
  said '4 pods are ready' 'The network is initialised (cluster c1)' 'proposer1 leads' 'scripts/paxos-client.sh ' 'acceptor1   acceptor  ok       127.0.0.1:30401' 'proposer1   proposer  ok       leads'
  # What answers at client1's port calls itself acceptor1: it is not shown there.
  [[ $output != *30601* && $output != *port-forward* ]]
  called 'kubectl * create --raw /api/v1/namespaces/paxos/services/acceptor1:http/proxy/init -f -'
  # A node refuses parameters that it does not know, kubectl's own too.
  never '*http/proxy/*timeout*' '* exec *' '* proxy *' 'kind create*' '*use-context*'
}

@test "a second run finds it initialised, and says so" {
  echo '{"progress":"already","current":"c1"}' >"$WORLD/init"
  run -0 "$RUN"
  said 'was initialised before (cluster c1); nothing was changed'
}

@test "the port of another cluster is not ours: the node's address, or the proxy" {
  printf '%s\n' 'acceptor1|30401' >"$WORLD/services"
  echo http://127.0.0.1:30401 >"$WORLD/reach"
  echo '{"node":"acceptor1","start":"of another life"}' >"$WORLD/reached"
  run -0 "$RUN"
  said 'port-forward service/client1 6001:6000' 'kubectl --context kind-paxos get --raw'
  [[ $output != *127.0.0.1:30401* ]]
}

@test "without a NodePort: how to reach the nodes all the same" {
  without curl
  run -0 "$RUN"
  said 'port-forward service/client1'
}

@test "where the API server cannot reach the nodes, a port-forward does" {
  : >"$WORLD/dial"
  printf '%s\n' 'acceptor1 40001' 'client1 40002' 'learner1 40003' 'proposer1 40004' >"$WORLD/forward"
  run -0 "$RUN" --timeout 10
  tidy
  called '*create --raw */services/acceptor1:http/proxy/init*' '* port-forward --address=127.0.0.1 service/acceptor1 :http' 'curl *--request POST *http://127.0.0.1:40001/init'
  said 'The network is initialised (cluster c1)' 'proposer1 leads' 'learner1    learner   ok' 'port-forward service/client1 6001:6000'
  [[ $output != *'get --raw'* ]]
  # Each of them once, for all that it is asked; none is left behind.
  [[ $(grep -c 'port-forward' "$LOG") == 4 ]]
  local pid i
  while read -r pid; do
    for ((i = 0; i < 50; i++)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    ((i < 50))
  done <"$WORLD/pids"
}

@test "a pod that is not ready gets no port-forward" {
  : >"$WORLD/dial"
  echo 'acceptor1 40001' >"$WORLD/forward"
  without curl
  run -1 "$RUN" --timeout 1
  said 'acceptor1 did not initialise' 'dial tcp'
  never '*port-forward*'
}

@test "pods that are not ready are named, and it ends with 1" {
  echo 'acceptor2|acceptor|1|1|1|1|1|' >>"$WORLD/deployments"
  echo 'acceptor2-x|acceptor2|Running||0||' >"$WORLD/pods"
  run -1 "$RUN" --timeout 1
  said '4 of 5 ready; waiting for acceptor2 (Running, not ready)' 'the log of acceptor2-x'
  never '*/init*'
}

@test "forming goes on until it is done" {
  echo '{"progress":"forming","waiting":["acceptor2","acceptor3"]}' >"$WORLD/init"
  run -1 "$RUN" --timeout 1
  said 'waiting for acceptor2, acceptor3' 'is not initialised'
}

@test "a refusal is told, with what the acceptors say" {
  echo 'Error from server (AlreadyExists): the server reported a conflict' >"$WORLD/init.fails"
  echo '{"node":"acceptor1","status":"mute","why":"the disk is of \"another\" cluster\u001b"}' >"$WORLD/acceptor1.health"
  run -1 "$RUN" --timeout 60
  [[ $(grep -c 'create --raw' "$LOG") == 1 ]]
  said 'acceptor1 did not initialise' 'the server reported a conflict' 'mute' 'the disk is of "another" cluster'
  [[ $output != *$'\e'* ]]
}

@test "an answer that is none is told" {
  echo '<html>' >"$WORLD/init"
  run -1 "$RUN" --timeout 1
  said 'did not initialise'
  echo '{"progress":"x\u001b[2J"}' >"$WORLD/init"
  run -1 "$RUN" --timeout 1
  said 'not understood'
}

@test "nobody leads: what each proposer says, and 1" {
  echo '{"node":"proposer1","leading":false,"phase":"preparing","acceptors_answering":1,"acceptors_needed":2}' >"$WORLD/proposer1.leader"
  run -1 "$RUN" --timeout 1
  said 'Nobody leads' 'proposer1: preparing 1/2'
  rm "$WORLD/proposer1.leader"
  run -1 "$RUN" --timeout 1
  said 'proposer1: –'
}

@test "a node that is not well: which, why, and 1" {
  echo '{"node":"learner1","status":"waiting","why":"no cluster yet"}' >"$WORLD/learner1.health"
  rm "$WORLD/client1.health"
  run -1 "$RUN" --timeout 1
  said 'not healthy: learner1: waiting (no cluster yet)' 'not healthy: client1: silent' 'learner1    learner   waiting'
}

@test "what was scaled to zero stays so, and is no fault" {
  echo 'acceptor2|acceptor|0|1|1|||' >>"$WORLD/deployments"
  run -0 "$RUN"
  said 'Scaled to zero, and left so: acceptor2' 'acceptor2   acceptor  -        scaled to zero'
  sed -i 's/^\(acceptor1|acceptor\)|1/\1|0/' "$WORLD/deployments"
  run -1 "$RUN"
  said 'every acceptor is scaled to zero'
  sed -i 's/|1|1|1|1|1|1$/|0|1|1|||/' "$WORLD/deployments"
  run -1 "$RUN"
  said 'scale deployment --all --replicas=1'
}

@test "initialises at an acceptor that runs" {
  sed -i 's/^\(acceptor1|acceptor\)|1/\1|0/' "$WORLD/deployments"
  node acceptor2 acceptor
  echo '{"node":"acceptor2","status":"ok","start":"S"}' >"$WORLD/acceptor2.health"
  run -0 "$RUN"
  called '*/services/acceptor2:http/proxy/init -f -'
  never '*/services/acceptor1:http*'
}

@test "nothing there, nobody's, somebody else's, silent" {
  rm "$WORLD/namespace"
  run -1 "$RUN"
  said 'scripts/deploy-paxos-k8s.sh first'
  echo 'paxos|other|Active' >"$WORLD/namespace"
  run -1 "$RUN"
  said 'not ours'
  : >"$WORLD/silent"
  run -1 "$RUN"
  said 'does not answer'
  run -1 "$RUN" --context unknown
  said 'no context "unknown"'
  tidy
}

@test "another cluster, by option or by PAXOS_CONTEXT" {
  echo cloud >>"$WORLD/contexts"
  run -0 "$RUN" --context cloud
  tidy cloud
  said 'scripts/paxos-client.sh --context cloud'
  : >"$LOG"
  PAXOS_CONTEXT=cloud run -0 "$RUN" --lang pt
  tidy cloud
  said 'proposer1 lidera'
}

@test "bad input is exit code 2" {
  local args
  for args in nonsense --nonsense '--context=' '--context -a' '--timeout x' '--timeout' '--cluster A/B' '--kind --minikube' '--lang zz' '--image x'; do
    # shellcheck disable=SC2086 # several arguments
    run -2 "$RUN" $args
  done
  never 'kubectl *'
}
