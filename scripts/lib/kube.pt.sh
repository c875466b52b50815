# shellcheck shell=bash
# shellcheck disable=SC2034,SC2016 # used by text.sh; nothing here is to be expanded
# What setup, deploy, run and cleanup say, in Brazilian Portuguese.
declare -gA TEXT

TEXT[kube.option]='opção desconhecida "%s" (veja --help)'
TEXT[kube.argument]='%s precisa de um valor (veja --help)'
TEXT[kube.both]='%s e %s não combinam (veja --help)'
TEXT[kube.badcluster]='--cluster: "%s" não é um nome: letras minúsculas, dígitos, pontos e hifens, no máximo 50'
TEXT[kube.badseconds]='--timeout: "%s" não é um número inteiro de segundos de 1 a 99999'
TEXT[kube.badimage]='%s: "%s" não é uma referência de imagem, como registry.example/paxos:1.2'
TEXT[kube.badnetwork]='PAXOS_BUILD_NETWORK: "%s" não é uma rede do docker build, como host'
TEXT[kube.badcontext]='%s: "%s" não é nome de um contexto (kubectl config get-contexts os lista)'
TEXT[kube.nokubectl]='kubectl não foi encontrado: scripts/setup-kubernetes-wsl.sh o instala'
TEXT[kube.nocontext]='o kubeconfig não tem o contexto "%s": kubectl config get-contexts lista os que tem, scripts/deploy-paxos-k8s.sh cria um cluster, --context NAME indica outro'
TEXT[kube.badconfig]='o kubeconfig não pode ser lido: %s'
TEXT[kube.silent]='o cluster do contexto "%s" não responde: está em execução? (docker ps; kubectl --context NAME get nodes)'
TEXT[kube.foreign]='o namespace "%s" de "%s" não é nosso: falta o rótulo %s. Nada foi alterado; use outro cluster.'

TEXT[engine.nodocker]='docker não foi encontrado: scripts/setup-kubernetes-wsl.sh o instala'
TEXT[engine.docker]='o Docker não responde: %s
scripts/setup-kubernetes-wsl.sh --check diz o que fazer.'
TEXT[engine.nokind]='nem kind nem Go foram encontrados; com Go, o repositório tem o seu próprio kind: scripts/setup-kubernetes-wsl.sh o instala'
TEXT[engine.nominikube]='minikube não foi encontrado: scripts/setup-kubernetes-wsl.sh --minikube o instala'
TEXT[engine.create]='Criando o cluster %s "%s" …'
TEXT[engine.there]='O cluster %s "%s" já existe.'
TEXT[engine.start]='Os nós do cluster "%s" estão parados; iniciando …'
TEXT[engine.failed]='%s falhou com o cluster "%s"; o que ele disse está acima.'
TEXT[engine.ports]='Outro cluster ou programa desta máquina ocupa uma porta de 30301 a 30602 que este cluster quer: só um cluster assim pode rodar por vez.'
TEXT[engine.undo]='Apagando o que foi criado do cluster "%s" …'
TEXT[engine.unready]='nenhum nó do cluster "%s" ficou pronto em 90 s depois do início; execute de novo, ou veja: kubectl --context %s describe nodes'
TEXT[engine.half]='o cluster "%s" está pela metade, e não se recupera. Apague-o: scripts/cleanup-paxos-k8s.sh --delete-cluster%s'
TEXT[engine.mute]='o cluster do contexto "%s" não respondeu por 90 s: docker logs %s-control-plane talvez diga por quê'

TEXT[image.build]='Construindo a imagem (versão %s) …'
TEXT[image.failed]='a imagem não pôde ser construída; as últimas linhas da construção estão acima. Se ela não alcançou o proxy de módulos do Go, PAXOS_BUILD_NETWORK=host pode ajudar.'
TEXT[image.lost]='o docker construiu a imagem e não a guardou: o construtor dele trabalha em outro lugar. "docker buildx use default" escolhe o do próprio Docker.'
TEXT[image.load]='Carregando %s no cluster …'
TEXT[image.loaded]='O cluster já tem a imagem %s.'
TEXT[image.noload]='a imagem %s não pôde ser carregada no cluster'

TEXT[apply.nooverlay]='--overlay: "%s" não é um overlay: um diretório com um kustomization.yaml, ou um destes: %s'
TEXT[apply.norender]='o overlay %s não pode ser montado'
TEXT[apply.strange]='o overlay tem algo que este script não aplica: %s'
TEXT[apply.noimage]='nenhum contêiner do overlay tem uma imagem chamada paxos, então %s não tem lugar'
TEXT[apply.needimage]='o overlay tem a imagem paxos:local, que o cluster de "%s" não consegue baixar, e nada é construído para um cluster que não é desta máquina: dê --image REF, publicada de onde ele possa baixar'
TEXT[apply.voters]='recusado: os acceptors são %s, e passariam a ser %s. Quem vota fica fixo quando a rede é inicializada; um ConfigMap não pode mudar isso. Para uma rede nova: antes, scripts/cleanup-paxos-k8s.sh.'
TEXT[apply.key.made]='Criada a chave que cifra o gossip (Secret paxos-gossip-key).'
TEXT[apply.key.kept]='A chave que cifra o gossip já existe; ela fica.'
TEXT[apply.key.none]='o Secret paxos-gossip-key não pôde ser criado'
TEXT[apply.failed]='kubectl não conseguiu aplicar isto; o que ele disse está acima'
TEXT[apply.back]='%s estava escalado a zero; ele volta.'
TEXT[apply.upgrade]='%s muda …'

TEXT[turn.waiting]='%s ainda não pode faltar: %s'
TEXT[turn.noleader]='nenhum proposer lidera'
TEXT[turn.unheard]='%s não ouve %s'
TEXT[turn.refused]='parado antes de %s, que não pode faltar: %s. Os nós depois dele continuam como estavam. Conserte os outros e execute de novo; --force segue assim mesmo, e pode tirar o quórum.'
TEXT[turn.forced]='--force: %s é parado embora não possa faltar: %s'

TEXT[pending.line]='%s de %s prontos; esperando %s'
TEXT[pending.restarts]='reiniciado %s vezes'
TEXT[pending.nopod]='ainda sem pod'
TEXT[pending.silent]='o cluster de "%s" não responde'
TEXT[pending.timeout]='Nem tudo está pronto depois de %s s.'
TEXT[pending.item]='  %s: %s'
TEXT[pending.events]='--- eventos recentes do namespace %s'
TEXT[pending.logs]='--- últimas linhas do pod %s'
TEXT[pending.more]='--- mais: kubectl --context %s -n %s describe pods'

TEXT[deploy.help]='Uso: %s [OPÇÃO…]

Implanta os dez nós: cria o cluster se não houver, constrói a imagem, carrega-a,
aplica os manifestos e espera até todos os pods estarem prontos. Uma segunda
execução não muda nada; com código ou configuração nova, troca um nó depois do
outro: um acceptor só enquanto todos os outros votam, um learner só enquanto o
outro está pronto. O que já está parado vem primeiro.

  --kind                um cluster kind desta máquina (padrão)
  --minikube            um perfil minikube desta máquina
  --cluster NAME        o nome dele (padrão: paxos)
  --context NAME        um cluster que já existe, pelo contexto. Nada é construído nem
                        carregado para um que não seja do kind: veja --image.
  --overlay NAME|DIR    o que é aplicado: um de k8s/overlays, ou um diretório
                        (padrão: kind ou minikube; com --context é preciso indicar)
  --image REF           esta imagem em vez de construir uma; se o Docker desta
                        máquina não a tiver, o cluster precisa conseguir baixá-la
  --timeout SECONDS     quanto esperar pelos pods, numa atualização por cada nó
                        (padrão: 300)
  --force               troca nós embora outros faltem: isso pode tirar o quórum
  --lang en|pt          idioma; por padrão o da localidade, se existir

Ambiente: PAXOS_CONTEXT: um contexto, se nenhum de --kind, --minikube, --cluster e
--context for dado. KIND_NODE_IMAGE: a imagem dos nós de um novo cluster kind.
PAXOS_BUILD_NETWORK: a rede do "docker build", se "go mod download" não alcança o
proxy de módulos pela rede padrão: em geral, host.

O contexto atual do kubeconfig fica como está.

Códigos de saída: 0 ok · 1 erro · 2 uso · 130 interrompido'
TEXT[deploy.nooverlay]='dê --overlay para o cluster de "%s": nenhum serve para todos os clusters'
TEXT[deploy.namespace]='Criado o namespace %s.'
TEXT[deploy.leaving]='O namespace %s está sendo apagado; esperando sumir …'
TEXT[deploy.stuck]='o namespace %s ainda está sendo apagado: kubectl --context %s get namespace paxos -o yaml diz o que o segura'
TEXT[deploy.pulled]='Nada é construído nem carregado: os nós de "%s" baixam a imagem (%s).'
TEXT[deploy.apply]='Aplicando %s em "%s" …'
TEXT[deploy.same]='Nada precisou mudar; todos os %s nós estão prontos.'
TEXT[deploy.done]='%s objetos são novos ou mudaram; todos os %s nós estão prontos.'
TEXT[deploy.alive]='Os nós foram iniciados; ainda não respondem: %s'
TEXT[deploy.interrupted]='Interrompido; execute de novo: continua de onde parou.'
TEXT[deploy.next]='A seguir:
  scripts/run.sh%s        inicializar a rede, ver quem lidera
  scripts/cleanup-paxos-k8s.sh%s'

TEXT[run.help]='Uso: %s [OPÇÃO…]

Espera pelos pods que scripts/deploy-paxos-k8s.sh criou, inicializa a rede (uma
vez: uma segunda execução a encontra pronta), espera por um líder, verifica a
saúde de cada nó e mostra onde eles estão. Nós escalados a zero ficam como estão.

  --kind                o cluster kind desta máquina (padrão)
  --minikube            o perfil minikube desta máquina
  --cluster NAME        o nome dele (padrão: paxos)
  --context NAME        outro cluster, pelo contexto
  --timeout SECONDS     quanto esperar por tudo (padrão: 120)
  --lang en|pt          idioma; por padrão o da localidade, se existir

Ambiente: PAXOS_CONTEXT: um contexto, se nenhuma opção indicar um cluster.

Códigos de saída: 0 ok · 1 algo não está como deveria · 2 uso · 130 interrompido'
TEXT[run.nothing]='não há nada no namespace %s de "%s": antes, scripts/deploy-paxos-k8s.sh'
TEXT[run.zero]='todos os Deployments estão escalados a zero. De volta: kubectl --context %s -n %s scale deployment --all --replicas=1'
TEXT[run.ready]='%s pods estão prontos.'
TEXT[run.idles]='Escalados a zero, e deixados assim: %s'
TEXT[run.noacceptor]='todos os acceptors estão escalados a zero: nada pode ser inicializado, nem escolhido'
TEXT[run.noproposer]='todos os proposers estão escalados a zero: ninguém pode liderar'
TEXT[run.init.done]='A rede está inicializada (cluster %s).'
TEXT[run.init.already]='A rede já estava inicializada (cluster %s); nada foi alterado.'
TEXT[run.init.forming]='a rede está se formando; esperando %s'
TEXT[run.init.strange]='a resposta a /init não foi entendida: progresso "%s"'
TEXT[run.init.refused]='%s não inicializou: %s'
TEXT[run.init.failed]='A rede não está inicializada: %s'
TEXT[run.leader]='%s lidera.'
TEXT[run.leader.waiting]='esperando um líder (fase, acceptors que respondem/necessários): %s'
TEXT[run.leader.none]='Ninguém lidera. O que os proposers dizem (fase, acceptors que respondem/necessários): %s'
TEXT[run.health.waiting]='esperando a saúde: %s'
TEXT[run.unwell]='sem saúde: %s'
TEXT[run.head]='NÓ          PAPEL     SAÚDE    ONDE'
TEXT[run.idle]='escalado a zero'
TEXT[run.silent]='mudo'
TEXT[run.leads]='lidera'
TEXT[run.proxy]='Os nós não têm endereço acessível daqui. Pelo servidor da API:
  kubectl --context %s get --raw /api/v1/namespaces/%s/services/client1:http/proxy/health
  kubectl --context %s -n %s port-forward service/client1 6001:6000'
TEXT[run.forward]='Os nós não têm endereço acessível daqui, e o servidor da API não pode falar com eles:
  kubectl --context %s -n %s port-forward service/client1 6001:6000'
TEXT[run.next]='A seguir:
  scripts/paxos-client.sh%s        o menu: enviar, ler, quem lidera
  scripts/monitor.sh%s             prepare, accept, learn enquanto acontecem
  scripts/fault-test.sh%s          quebrar e ver sarar'

TEXT[cleanup.help]='Uso: %s [OPÇÃO…]

Apaga o que scripts/deploy-paxos-k8s.sh criou: o namespace com tudo o que há nele,
dados inclusive, e a política de admissão. Antes diz o que é, e pergunta.

  --keep-data           mantém os volumes, os Secrets e o namespace: a próxima
                        implantação encontra a rede como estava
  --delete-cluster      apaga o cluster inteiro do kind, ou o perfil do minikube;
                        um que não se chame paxos, só por --cluster NAME
  --yes                 não pergunta; é recusado com --delete-cluster se houver
                        namespaces de outros, ou se isso não se vê
  --kind                o cluster kind desta máquina (padrão)
  --minikube            o perfil minikube desta máquina
  --cluster NAME        o nome dele (padrão: paxos)
  --context NAME        outro cluster, pelo contexto
  --lang en|pt          idioma; por padrão o da localidade, se existir

Ambiente: PAXOS_CONTEXT: um contexto, se nenhuma opção indicar um cluster.

Códigos de saída: 0 ok, ou não havia nada, ou você disse não · 1 erro · 2 uso ·
130 interrompido'
TEXT[cleanup.notours]='--delete-cluster apaga clusters do kind e perfis do minikube; o contexto "%s" não é de nenhum dos dois'
TEXT[cleanup.name]='--delete-cluster só com um contexto apaga apenas o cluster chamado paxos: dê --cluster %s'
TEXT[cleanup.foreign]='--yes não é resposta para o cluster "%s", que tem namespaces que não são nossos: %s. Nada foi apagado; sem --yes há uma pergunta.'
TEXT[cleanup.blind]='--yes não é resposta para o cluster "%s": não dá para ver o que há nele. Nada foi apagado; sem --yes há uma pergunta.'
TEXT[cleanup.bare]='O cluster "%s" está pela metade: nunca teve banco de dados, então não há nada nele.'
TEXT[cleanup.unseen]='  NÃO foi possível olhar dentro dele: pode haver trabalho de outros'
TEXT[cleanup.nocontext]='o kubeconfig não tem o contexto "%s", e o kind tem o cluster "%s": kind export kubeconfig --name %s'
TEXT[cleanup.onlykept]='Não resta nada a apagar em "%s"; ficam: %s'
TEXT[cleanup.nothing]='Não há nada nosso em "%s".'
TEXT[cleanup.will]='Em "%s" será apagado:'
TEXT[cleanup.cluster]='  o cluster %s "%s" inteiro, com tudo o que há nele'
TEXT[cleanup.others]='  com namespaces que não são nossos: %s'
TEXT[cleanup.objects]='  objetos de %s: %s'
TEXT[cleanup.namespace]='  o próprio namespace %s'
TEXT[cleanup.data]='  DADOS, para sempre: %s'
TEXT[cleanup.kept]='O que fica: o namespace %s, os Secrets dele, e os dados: %s'
TEXT[cleanup.ask]='Apagar? [s/N] '
TEXT[cleanup.noterminal]='não há a quem perguntar: dê --yes para apagar sem pergunta'
TEXT[cleanup.left]='Nada foi apagado.'
TEXT[cleanup.waiting]='Esperando sumir …'
TEXT[cleanup.failed]='nem tudo pôde ser apagado; o que o kubectl disse está acima. O que resta: kubectl --context %s -n paxos get all,pvc'
TEXT[cleanup.done]='Feito.'

TEXT[setup.help]='Uso: %s [OPÇÃO…]

Verifica docker, curl, kubectl, Go, e kind ou minikube, e instala o que falta em
Debian, Ubuntu e WSL. Cada comando é mostrado, e executado depois de um sim.

  --kind                para clusters kind (padrão); com Go, o kind não precisa ser
                        instalado: go.mod o tem
  --minikube            para minikube
  --check               só relata
  --dry-run             mostra os comandos, e não executa nenhum
  --yes                 não pergunta
  --lang en|pt          idioma; por padrão o da localidade, se existir

Códigos de saída: 0 tudo está aí, ou --dry-run · 1 falta algo · 2 uso ·
130 interrompido'
TEXT[setup.checkonly]='--check só relata: nem --yes nem --dry-run combinam com ele'
TEXT[setup.head]='PROGRAMA   ACHADO     MÍNIMO   ESTADO       COMO OBTER'
TEXT[setup.ok]='ok'
TEXT[setup.missing]='falta'
TEXT[setup.old]='antigo'
TEXT[setup.off]='parado'
TEXT[setup.how.docker]='sudo apt-get install docker.io (https://docs.docker.com/engine/install/), ou Docker Desktop'
TEXT[setup.how.group]='o Docker roda, mas não para você: sudo usermod -aG docker "$USER", e entre de novo na sessão'
TEXT[setup.how.engine]='o Docker não responde: sudo systemctl start docker, ou sudo service docker start'
TEXT[setup.how.wsl]='o Docker não responde: inicie o Docker Desktop, ou ligue o systemd (veja abaixo)'
TEXT[setup.how.package]='sudo apt-get install %s'
TEXT[setup.how.download]='%s de %s'
TEXT[setup.how.kind]='Go basta ("go tool kind" neste repositório), ou %s de https://kind.sigs.k8s.io'
TEXT[setup.wsl]='No WSL há dois caminhos para o Docker. Docker Desktop: Settings, Resources, WSL
integration, ligue esta distribuição. Ou o Docker aqui dentro, que quer systemd:
ponha "[boot]" e "systemd=true" em /etc/wsl.conf, depois "wsl.exe --shutdown".'
TEXT[setup.byhand]='Isto não é Debian nem Ubuntu: instale à mão o que falta acima.'
TEXT[setup.noterminal]='não há a quem perguntar: --yes instala sem perguntas, --check só relata, --dry-run mostra os comandos'
TEXT[setup.installing]='%s:'
TEXT[setup.ask]='  Executar? [s/N] '
TEXT[setup.skipped]='  Não executado.'
TEXT[setup.compares]='  (depois o SHA-256 de %s é comparado com o publicado)'
TEXT[setup.matches]='  O SHA-256 de %s é o publicado.'
TEXT[setup.checksum]='%s de %s não tem a soma de verificação publicada; foi apagado'
TEXT[setup.arch]='nada é publicado para este processador (%s); instale à mão'
TEXT[setup.failed]='%s não foi instalado'
TEXT[setup.relogin]='  Entre de novo na sessão, para poder usar o Docker.'
TEXT[setup.complete]='Tudo está aí. A seguir: scripts/deploy-paxos-k8s.sh'
TEXT[setup.incomplete]='ainda falta algo; veja a tabela'
