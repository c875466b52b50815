# shellcheck shell=bash
# shellcheck disable=SC2034,SC2016 # used by text.sh; nothing here is to be expanded
# What setup, deploy, run and cleanup say, in English. %s are filled in; a literal % is %%.
declare -gA TEXT

TEXT[kube.option]='unknown option "%s" (see --help)'
TEXT[kube.argument]='%s needs a value (see --help)'
TEXT[kube.both]='%s and %s do not go together (see --help)'
TEXT[kube.badcluster]='--cluster: "%s" is no name: small letters, digits, dots and hyphens, at most 50'
TEXT[kube.badseconds]='--timeout: "%s" is no whole number of seconds from 1 to 99999'
TEXT[kube.badimage]='%s: "%s" is no reference of an image, such as registry.example/paxos:1.2'
TEXT[kube.badnetwork]='PAXOS_BUILD_NETWORK: "%s" is no network of docker build, such as host'
TEXT[kube.badcontext]='%s: "%s" is no name of a context (kubectl config get-contexts lists them)'
TEXT[kube.nokubectl]='kubectl was not found: scripts/setup-kubernetes-wsl.sh installs it'
TEXT[kube.nocontext]='the kubeconfig has no context "%s": kubectl config get-contexts lists those it has, scripts/deploy-paxos-k8s.sh makes a cluster, --context NAME names another'
TEXT[kube.badconfig]='the kubeconfig cannot be read: %s'
TEXT[kube.silent]='the cluster of the context "%s" does not answer: is it running? (docker ps; kubectl --context NAME get nodes)'
TEXT[kube.foreign]='the namespace "%s" of "%s" is not ours: it lacks the label %s. Nothing was changed; take another cluster.'

TEXT[engine.nodocker]='docker was not found: scripts/setup-kubernetes-wsl.sh installs it'
TEXT[engine.docker]='the Docker engine does not answer: %s
scripts/setup-kubernetes-wsl.sh --check says what to do.'
TEXT[engine.nokind]='neither kind nor Go was found; with Go, the repository has a kind of its own: scripts/setup-kubernetes-wsl.sh installs it'
TEXT[engine.nominikube]='minikube was not found: scripts/setup-kubernetes-wsl.sh --minikube installs it'
TEXT[engine.create]='Making the %s cluster "%s" …'
TEXT[engine.there]='The %s cluster "%s" is there.'
TEXT[engine.start]='The nodes of the cluster "%s" are stopped; starting them …'
TEXT[engine.failed]='%s failed with the cluster "%s"; what it said is above.'
TEXT[engine.ports]='Another cluster or program of this machine holds a port from 30301 to 30602 that this cluster wants: only one such cluster can run at a time.'
TEXT[engine.undo]='Deleting what was made of the cluster "%s" …'
TEXT[engine.unready]='no node of the cluster "%s" became ready in 90 s after the start; run this again, or see: kubectl --context %s describe nodes'
TEXT[engine.half]='the cluster "%s" is half made, and will not heal. Delete it: scripts/cleanup-paxos-k8s.sh --delete-cluster%s'
TEXT[engine.mute]='the cluster of the context "%s" did not answer for 90 s: docker logs %s-control-plane may say why'

TEXT[image.build]='Building the image (version %s) …'
TEXT[image.failed]='the image could not be built; the last lines of the build are above. If it could not reach the Go module proxy: PAXOS_BUILD_NETWORK=host may help.'
TEXT[image.lost]='docker built the image and did not keep it: its builder works elsewhere. "docker buildx use default" selects the one of the engine.'
TEXT[image.load]='Loading %s into the cluster …'
TEXT[image.loaded]='The cluster has the image %s.'
TEXT[image.noload]='the image %s could not be loaded into the cluster'

TEXT[apply.nooverlay]='--overlay: "%s" is no overlay: a directory with a kustomization.yaml, or one of: %s'
TEXT[apply.norender]='the overlay %s cannot be rendered'
TEXT[apply.strange]='the overlay has something that this script does not apply: %s'
TEXT[apply.noimage]='no container of the overlay has an image called paxos, so that %s has no place'
TEXT[apply.needimage]='the overlay has the image paxos:local, which the cluster of "%s" cannot pull, and nothing is built for a cluster that is not of this machine: give --image REF, pushed to where it can be pulled'
TEXT[apply.voters]='refused: the acceptors are %s, and would be %s. Who votes is fixed when a network is initialised; a ConfigMap cannot change it. For a new network: scripts/cleanup-paxos-k8s.sh first.'
TEXT[apply.key.made]='Made the key that encrypts gossip (Secret paxos-gossip-key).'
TEXT[apply.key.kept]='The key that encrypts gossip is there; it stays.'
TEXT[apply.key.none]='the Secret paxos-gossip-key could not be made'
TEXT[apply.failed]='kubectl could not apply this; what it said is above'
TEXT[apply.back]='%s was scaled to zero; it comes back.'
TEXT[apply.upgrade]='%s changes …'

TEXT[turn.waiting]='%s can not be missed yet: %s'
TEXT[turn.noleader]='no proposer leads'
TEXT[turn.unheard]='%s does not hear %s'
TEXT[turn.refused]='stopped before %s, which can not be missed: %s. Nodes after it run what they ran. Put the others right and run this again; --force goes on all the same, and may take the quorum away.'
TEXT[turn.forced]='--force: %s is stopped although it can not be missed: %s'

TEXT[pending.line]='%s of %s ready; waiting for %s'
TEXT[pending.restarts]='restarted %s times'
TEXT[pending.nopod]='no pod yet'
TEXT[pending.silent]='the cluster of "%s" does not answer'
TEXT[pending.timeout]='Not everything is ready after %s s.'
TEXT[pending.item]='  %s: %s'
TEXT[pending.events]='--- recent events of the namespace %s'
TEXT[pending.logs]='--- last lines of the pod %s'
TEXT[pending.more]='--- more: kubectl --context %s -n %s describe pods'

TEXT[deploy.help]='Usage: %s [OPTION…]

Deploys the ten nodes: makes the cluster if there is none, builds the image,
loads it, applies the manifests and waits until every pod is ready. A second run
changes nothing; with new code or settings it replaces one node after the
other: an acceptor only while all others vote, a learner only while the other is
ready. What is down already comes first.

  --kind                a kind cluster of this machine (default)
  --minikube            a minikube profile of this machine
  --cluster NAME        its name (default: paxos)
  --context NAME        a cluster that is there, by its context. Nothing is built or
                        loaded for one that is not of kind: see --image.
  --overlay NAME|DIR    what is applied: one of k8s/overlays, or a directory
                        (default: kind or minikube; with --context it must be given)
  --image REF           this image instead of building one; if the engine of this
                        machine does not have it, the cluster must be able to pull it
  --timeout SECONDS     how long to wait for pods, in an upgrade for each node
                        (default: 300)
  --force               replace nodes although others are missing: this may take
                        the quorum away
  --lang en|pt          language; by default that of the locale, if it is there

Environment: PAXOS_CONTEXT: a context, if none of --kind, --minikube, --cluster and
--context is given. KIND_NODE_IMAGE: the node image of a new kind cluster.
PAXOS_BUILD_NETWORK: the network of "docker build", if "go mod download" cannot
reach the module proxy from within the default one: host, mostly.

The kubeconfig'\''s current context stays as it is.

Exit codes: 0 ok · 1 error · 2 usage · 130 interrupted'
TEXT[deploy.nooverlay]='give --overlay for the cluster of "%s": none is right for every cluster'
TEXT[deploy.namespace]='Made the namespace %s.'
TEXT[deploy.leaving]='The namespace %s is being deleted; waiting until it is gone …'
TEXT[deploy.stuck]='the namespace %s is still being deleted: kubectl --context %s get namespace paxos -o yaml says what holds it'
TEXT[deploy.pulled]='Nothing is built or loaded: the nodes of "%s" pull the image (%s).'
TEXT[deploy.apply]='Applying %s to "%s" …'
TEXT[deploy.same]='Nothing had to be changed; all %s nodes are ready.'
TEXT[deploy.done]='%s objects are new or changed; all %s nodes are ready.'
TEXT[deploy.alive]='The nodes were started; not answering yet: %s'
TEXT[deploy.interrupted]='Interrupted; run it again: it goes on where it was.'
TEXT[deploy.next]='Next:
  scripts/run.sh%s        initialise the network, see who leads
  scripts/cleanup-paxos-k8s.sh%s'

TEXT[run.help]='Usage: %s [OPTION…]

Waits for the pods that scripts/deploy-paxos-k8s.sh made, initialises the network
(once: a second run finds it done), waits for a leader, checks the health of
every node, and prints where the nodes are. Nodes that were scaled to zero are
left as they are.

  --kind                the kind cluster of this machine (default)
  --minikube            the minikube profile of this machine
  --cluster NAME        its name (default: paxos)
  --context NAME        another cluster, by its context
  --timeout SECONDS     how long to wait for all of it (default: 120)
  --lang en|pt          language; by default that of the locale, if it is there

Environment: PAXOS_CONTEXT: a context, if no option names a cluster.

Exit codes: 0 ok · 1 something is not as it should be · 2 usage · 130 interrupted'
TEXT[run.nothing]='there is nothing in the namespace %s of "%s": scripts/deploy-paxos-k8s.sh first'
TEXT[run.zero]='every Deployment is scaled to zero. Back: kubectl --context %s -n %s scale deployment --all --replicas=1'
TEXT[run.ready]='%s pods are ready.'
TEXT[run.idles]='Scaled to zero, and left so: %s'
TEXT[run.noacceptor]='every acceptor is scaled to zero: nothing can be initialised, or chosen'
TEXT[run.noproposer]='every proposer is scaled to zero: nobody can lead'
TEXT[run.init.done]='The network is initialised (cluster %s).'
TEXT[run.init.already]='The network was initialised before (cluster %s); nothing was changed.'
TEXT[run.init.forming]='the network is forming; waiting for %s'
TEXT[run.init.strange]='the answer to /init is not understood: progress "%s"'
TEXT[run.init.refused]='%s did not initialise: %s'
TEXT[run.init.failed]='The network is not initialised: %s'
TEXT[run.leader]='%s leads.'
TEXT[run.leader.waiting]='waiting for a leader (phase, acceptors answering/needed): %s'
TEXT[run.leader.none]='Nobody leads. What the proposers say (phase, acceptors answering/needed): %s'
TEXT[run.health.waiting]='waiting for health: %s'
TEXT[run.unwell]='not healthy: %s'
TEXT[run.head]='NODE        ROLE      HEALTH   WHERE'
TEXT[run.idle]='scaled to zero'
TEXT[run.silent]='silent'
TEXT[run.leads]='leads'
TEXT[run.proxy]='The nodes have no address that can be reached from here. Through the API server:
  kubectl --context %s get --raw /api/v1/namespaces/%s/services/client1:http/proxy/health
  kubectl --context %s -n %s port-forward service/client1 6001:6000'
TEXT[run.forward]='The nodes have no address that can be reached from here, and the API server may not speak to them:
  kubectl --context %s -n %s port-forward service/client1 6001:6000'
TEXT[run.next]='Next:
  scripts/paxos-client.sh%s        the menu: send, read, who leads
  scripts/monitor.sh%s             prepare, accept, learn as they happen
  scripts/fault-test.sh%s          break it and see it heal'

TEXT[cleanup.help]='Usage: %s [OPTION…]

Deletes what scripts/deploy-paxos-k8s.sh made: the namespace with everything in
it, data included, and the admission policy. Says first what that is, and asks.

  --keep-data           keep the volume claims, the Secrets and the namespace:
                        the next deploy finds the network as it was
  --delete-cluster      delete the whole cluster of kind, or the minikube profile;
                        one that is not called paxos only by --cluster NAME
  --yes                 do not ask; refused with --delete-cluster if there are
                        namespaces of others, or if that cannot be seen
  --kind                the kind cluster of this machine (default)
  --minikube            the minikube profile of this machine
  --cluster NAME        its name (default: paxos)
  --context NAME        another cluster, by its context
  --lang en|pt          language; by default that of the locale, if it is there

Environment: PAXOS_CONTEXT: a context, if no option names a cluster.

Exit codes: 0 ok, or nothing was there, or you said no · 1 error · 2 usage ·
130 interrupted'
TEXT[cleanup.notours]='--delete-cluster deletes clusters of kind and profiles of minikube; the context "%s" belongs to neither'
TEXT[cleanup.name]='--delete-cluster with a context alone deletes only the cluster called paxos: give --cluster %s'
TEXT[cleanup.foreign]='--yes is no answer for the cluster "%s", which has namespaces that are not ours: %s. Nothing was deleted; without --yes you are asked.'
TEXT[cleanup.blind]='--yes is no answer for the cluster "%s": what is in it cannot be seen. Nothing was deleted; without --yes you are asked.'
TEXT[cleanup.bare]='The cluster "%s" is half made: it never had a database, so that nothing is in it.'
TEXT[cleanup.unseen]='  it could NOT be looked into: others may have work in it'
TEXT[cleanup.nocontext]='the kubeconfig has no context "%s", and kind has the cluster "%s": kind export kubeconfig --name %s'
TEXT[cleanup.onlykept]='Nothing is left to delete in "%s"; kept: %s'
TEXT[cleanup.nothing]='Nothing of ours is in "%s".'
TEXT[cleanup.will]='In "%s" this will be deleted:'
TEXT[cleanup.cluster]='  the whole %s cluster "%s", whatever is in it'
TEXT[cleanup.others]='  with namespaces that are not ours: %s'
TEXT[cleanup.objects]='  objects of %s: %s'
TEXT[cleanup.namespace]='  the namespace %s itself'
TEXT[cleanup.data]='  DATA, for good: %s'
TEXT[cleanup.kept]='What stays: the namespace %s, its Secrets, and the data: %s'
TEXT[cleanup.ask]='Delete it? [y/N] '
TEXT[cleanup.noterminal]='there is nobody to ask: give --yes to delete without a question'
TEXT[cleanup.left]='Nothing was deleted.'
TEXT[cleanup.waiting]='Waiting until it is gone …'
TEXT[cleanup.failed]='not everything could be deleted; what kubectl said is above. What is left: kubectl --context %s -n paxos get all,pvc'
TEXT[cleanup.done]='Done.'

TEXT[setup.help]='Usage: %s [OPTION…]

Checks docker, curl, kubectl, Go, and kind or minikube, and installs what is missing
on Debian, Ubuntu and WSL. Every command is shown, and run after a yes.

  --kind                for kind clusters (default); with Go, kind needs no
                        installation: go.mod has it
  --minikube            for minikube
  --check               only report
  --dry-run             print the commands, and run none
  --yes                 do not ask
  --lang en|pt          language; by default that of the locale, if it is there

Exit codes: 0 everything is there, or --dry-run · 1 something is missing · 2 usage ·
130 interrupted'
TEXT[setup.checkonly]='--check only reports: neither --yes nor --dry-run goes with it'
TEXT[setup.head]='TOOL       FOUND      NEEDED   STATE        HOW TO GET IT'
TEXT[setup.ok]='ok'
TEXT[setup.missing]='missing'
TEXT[setup.old]='too old'
TEXT[setup.off]='no engine'
TEXT[setup.how.docker]='sudo apt-get install docker.io (https://docs.docker.com/engine/install/), or Docker Desktop'
TEXT[setup.how.group]='the engine runs, but not for you: sudo usermod -aG docker "$USER", then log in again'
TEXT[setup.how.engine]='the engine does not answer: sudo systemctl start docker, or sudo service docker start'
TEXT[setup.how.wsl]='the engine does not answer: start Docker Desktop, or switch systemd on (see below)'
TEXT[setup.how.package]='sudo apt-get install %s'
TEXT[setup.how.download]='%s from %s'
TEXT[setup.how.kind]='Go is enough ("go tool kind" in this repository), or %s from https://kind.sigs.k8s.io'
TEXT[setup.wsl]='On WSL an engine comes in one of two ways. Docker Desktop: Settings, Resources, WSL
integration, switch this distribution on. Or an engine in here, which wants systemd:
put "[boot]" and "systemd=true" into /etc/wsl.conf, then "wsl.exe --shutdown".'
TEXT[setup.byhand]='This is neither Debian nor Ubuntu: install by hand what is missing above.'
TEXT[setup.noterminal]='there is nobody to ask: --yes installs without questions, --check only reports, --dry-run prints the commands'
TEXT[setup.installing]='%s:'
TEXT[setup.ask]='  Run it? [y/N] '
TEXT[setup.skipped]='  Not run.'
TEXT[setup.compares]='  (then the SHA-256 of %s is compared with the published one)'
TEXT[setup.matches]='  The SHA-256 of %s is the published one.'
TEXT[setup.checksum]='%s from %s does not have the checksum that is published for it; it was deleted'
TEXT[setup.arch]='nothing is published for this processor (%s); install it by hand'
TEXT[setup.failed]='%s was not installed'
TEXT[setup.relogin]='  Log in again, so that you may use the engine.'
TEXT[setup.complete]='Everything is there. Next: scripts/deploy-paxos-k8s.sh'
TEXT[setup.incomplete]='something is still missing; see the table'
