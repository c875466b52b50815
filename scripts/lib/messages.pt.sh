# shellcheck shell=bash
# shellcheck disable=SC2034,SC2016 # used by text.sh; nothing here is to be expanded
# The scripts' sentences in Portuguese, as it is written in Brazil. The %s stand
# in the same order as in messages.en.sh; a test compares them.
declare -gA TEXT

TEXT[bash.old]='é necessário o bash 4.4 ou mais novo; este é o %s'
TEXT[curl.missing]='o curl é necessário e não foi encontrado'
TEXT[language.none]='não há frases no idioma "%s"; existem: en, pt'

TEXT[nodes.bad]='%s: "%s" não é um endereço; use nome=host:porta ou nome=http://…'
TEXT[nodes.twice]='%s: o nome %s aparece duas vezes'
TEXT[nodes.none]='não há nenhum nó com o papel "%s": defina PAXOS_%s_ADDRESSES'
TEXT[nodes.usual]='as portas de costume: não existe %s, que o paxosctl local up escreve'
TEXT[nodes.silent]='Ninguém respondeu em %s (segundo %s).
PAXOS_CLIENT_ADDRESSES, PAXOS_PROPOSER_ADDRESSES, PAXOS_ACCEPTOR_ADDRESSES e PAXOS_LEARNER_ADDRESSES
dizem onde estão os nós, PAXOS_DATA em que diretório está o cluster local, --kube que eles estão no Kubernetes.'
TEXT[kubenodes.used]='Kubernetes: contexto %s, namespace %s, por %s'
TEXT[kubenodes.nodeport]='NodePort'
TEXT[kubenodes.proxy]='servidor da API (kubectl proxy)'
TEXT[kubenodes.forward]='kubectl port-forward'
TEXT[kubenodes.unlisted]='os Services e Deployments do namespace %s no contexto %s não podem ser listados: veja kubectl auth can-i list services,deployments'
TEXT[kubenodes.empty]='o namespace %s no contexto %s não tem nós: deploy-paxos-k8s.sh os cria'
TEXT[kubenodes.noproxy]='o kubectl proxy não inicia no contexto %s; tente --via forward'
TEXT[kubenodes.noport]='nenhum nó do contexto %s responde em seu NodePort; tente --via proxy'
TEXT[kubenodes.noforward]='o kubectl port-forward para %s no contexto %s não inicia; o pod dele está lá?'
TEXT[kubenodes.zero]='escalado para zero'
TEXT[kubenodes.said]='o servidor da API diz: %s'
TEXT[kubenodes.key]='O servidor da API mudaria esta chave no caminho (//, /./ ou /../). Com --via forward ela chega como é.'
TEXT[nodes.unknown]='não há %s "%s"; existem: %s'

TEXT[http.none]='sem resposta'
TEXT[http.strange]='a resposta não é entendida; isto é um nó do cluster?'
TEXT[http.status]='status HTTP %s'

TEXT[usage.option]='opção desconhecida "%s"; um valor que começa com hífen precisa de -- antes dele (veja --help)'
TEXT[usage.argument]='%s precisa de %s (veja --help)'
TEXT[usage.verb]='escolha desconhecida "%s" (veja --help)'
TEXT[usage.number]='%s: "%s" não é um número inteiro (veja --help)'
TEXT[usage.seconds]='%s: "%s" não é um número de segundos (veja --help)'
TEXT[usage.key]='--key: de 1 a 128 letras, dígitos, pontos, hifens e sublinhados, sendo o primeiro uma letra ou um dígito'
TEXT[usage.extra]='argumento inesperado "%s"; um valor com espaços precisa de aspas (veja --help)'
TEXT[usage.stray]='argumento inesperado "%s" (veja --help)'
TEXT[usage.maxwait]='PAXOS_MAX_WAIT: "%s" não é um número inteiro de segundos de 1 a 9999'
TEXT[usage.both]='dê o valor como argumento ou com --stdin, não os dois'
TEXT[usage.consistency]='"%s" não é uma consistência: linearizable, session, bounded ou stale'
TEXT[usage.age]='--max-age: "%s" não é uma duração, como 500ms ou 2s'
TEXT[usage.context]='--context: "%s" não é o nome de um contexto; kubectl config get-contexts os lista'
TEXT[usage.via]='--via: "%s" não é um caminho: nodeport, proxy ou forward'
TEXT[usage.token]='--session-token: "%s" não é um token de sessão'
TEXT[a.value]='um valor'
TEXT[a.key]='uma chave'
TEXT[a.pair]='uma chave e um valor'
TEXT[an.argument]='um argumento'

TEXT[value.utf8]='o valor não é UTF-8 válido e não pode ser enviado como texto'
TEXT[value.nul]='o valor tem um caractere NUL, que o bash não guarda; use curl ou paxosctl'
TEXT[value.large]='o valor tem %s bytes; 4194304 é o máximo que um nó aceita'
TEXT[value.cut]='o terminal corta linhas em 4095 bytes: dê um valor tão longo com --stdin'
TEXT[random.none]='não há fonte de números aleatórios para uma chave; dê uma com --key'

TEXT[send.applied]='Aplicado no slot %s, posição %s. (chave %s)'
TEXT[send.chosen]='Escolhido no slot %s, posição %s. (chave %s)'
TEXT[send.refused]='Recusado por %s: %s'
TEXT[send.notapplied]='Não aplicado: %s'
TEXT[send.unreached]='Não aplicado: %s não é alcançável em %s.'
TEXT[send.again]='Esta tentativa não foi aplicada (%s), mas o resultado de uma anterior ainda é desconhecido. (chave %s)'
TEXT[send.unknown]='DESCONHECIDO: pode ser aplicado mais tarde, ou nunca: %s'
TEXT[send.unknown.how]='Para resolver, com a mesma chave:
  reenviar      %s --key %s %s
  perguntar     GET %s em qualquer cliente, ou: %s outcome %s
  descartar     DELETE no mesmo caminho, ou: %s burn %s'
TEXT[send.what]='r reenviar com a mesma chave · o perguntar o resultado · b descartar · Enter deixar assim: '
TEXT[send.follow]='Enviar para %s em vez disso? [s/N] '
TEXT[send.empty]='Enviar o valor vazio? [s/N] '
TEXT[send.pasted]='%s linhas foram coladas. Enviar todas como um só valor? [s/N] '
TEXT[send.dropped]='Nada foi enviado.'

TEXT[outcome.applied]='%s: aplicado no slot %s, posição %s.'
TEXT[outcome.burnt]='%s: descartado; nada será aplicado com esta chave, nunca.'
TEXT[outcome.not-seen]='%s: não visto até agora. Isso não é nunca: uma cópia ainda pode estar a caminho.'
TEXT[outcome.other]='%s: %s.'

TEXT[read.end]='%s valores mostrados de %s, como %s os aplicou: leituras "stale" podem não ter os mais novos.'
TEXT[read.end.one]='%s valor mostrado de %s, como %s os aplicou: leituras "stale" podem não ter os mais novos.'
TEXT[read.more]='Enter para mais, q para parar: '
TEXT[read.cut]=' … (%s bytes)'
TEXT[responses.head]='LEARNER     STATUS      SLOT.POS    SESSÃO            SEQUÊNCIA'
TEXT[responses.none]='Nenhum learner se reportou a %s desde que ele iniciou.'

TEXT[store.nokey]='uma chave não é vazia'
TEXT[store.put]='A chave está agora na revisão %s, versão %s.'
TEXT[store.absent]='Não havia essa chave: nada foi apagado.'
TEXT[store.fresh]='%s lido na revisão %s de %s.'
TEXT[store.aged]='%s lido na revisão %s de %s, o estado mais novo de no máximo %s ms atrás.'
TEXT[store.listed]='%s de %s chaves mostradas.'

TEXT[status.line]='%-22s %s'
TEXT[status.address]='endereço'
TEXT[status.status]='status'
TEXT[status.started]='iniciado'
TEXT[leader.head]='PROPOSER    LIDERA FASE        SEGUE       BALLOT              ACCEPTORS     ESCOLHIDO ABAIXO DE'
TEXT[leader.acceptors]='%s (precisa %s)'
TEXT[leader.yes]='%s lidera em %s.'
TEXT[leader.two]='%s e %s dizem ambos que lideram: o de menor ballot está prestes a perceber.'
TEXT[leader.none]='Ninguém lidera no momento.'
TEXT[system.head]='NÓ          PAPEL       STATUS       DETALHES'
TEXT[system.sum]='%s de %s nós respondem.'
TEXT[status.unreachable]='inalcançável'
TEXT[yes]='sim'
TEXT[no]='não'
TEXT[yes.letters]='sSyY'

TEXT[menu]='
Paxos · cliente: %s
  1  escolher o cliente
  2  enviar um valor
  3  ler os valores
  4  ver as respostas
  5  status do cliente
  6  status do líder
  7  enviar direto a um proposer
  8  status do sistema inteiro
  9  gravar uma chave     10  ler uma chave
 11  apagar uma chave     12  listar as chaves
  q  sair'
TEXT[menu.choose]='Escolha: '
TEXT[menu.bad]='"%s" não é uma escolha: de 1 a 12, ou q.'
TEXT[menu.value]='Valor: '
TEXT[menu.client]='Cliente (número ou nome, Enter para %s): '
TEXT[menu.proposer]='Proposer (número ou nome, Enter para o líder): '
TEXT[menu.key]='Chave: '
TEXT[menu.prefix]='Chaves que começam com (Enter para todas): '
TEXT[menu.consistency]='Quão atual? l linearizable · s session · b bounded, até 1s · t stale · Enter para %s: '
TEXT[menu.selected]='Escolhido %s em %s.'
TEXT[menu.bye]='Até logo.'

TEXT[client.help]='Uso: %s [OPÇÃO…] [ESCOLHA [ARGUMENTO]]

Sem uma escolha, um menu interativo. Uma escolha é seu número ou seu nome:
  1 clients             lista os clientes
  2 send VALOR          envia um valor por um cliente
  3 read                lê os valores na ordem do log
  4 responses           o que os learners reportaram ao cliente
  5 status              o status do cliente
  6 leader              quem lidera
  7 propose VALOR       envia direto a um proposer
  8 system              o status de todos os nós
  9 put CHAVE VALOR     grava um valor em uma chave do armazém
 10 get CHAVE           lê uma chave
 11 delete CHAVE        apaga uma chave
 12 list [PREFIXO]      lista as chaves que começam com um texto, ou todas
    outcome CHAVE       o que houve com um valor enviado com esta chave
    burn CHAVE          garante que ele nunca seja aplicado, se já não foi

Opções:
  --client NOME         qual cliente usar (padrão: o primeiro)
  --proposer NOME       qual proposer (padrão: o que lidera)
  --key CHAVE           chave de idempotência de um send, put ou delete; por padrão uma aleatória.
                        A mesma chave de novo nunca aplica um valor duas vezes.
  --stdin               toma o valor da entrada padrão, como ele é
  --timeout SEGUNDOS    quanto esperar por um resultado (padrão: o do nó)
  --slot N              read: espera pelo slot N e o mostra
  --from N              read: começa no slot N
  --limit N             read, responses, list: mostra no máximo N
  --consistency QUAL    get, list: linearizable (padrão), session, bounded, stale
  --max-age DURAÇÃO     com bounded: a idade máxima (padrão: 1s)
  --session-token TEXTO com session: o de uma resposta anterior; o menu o guarda
  --kube                nós no Kubernetes, sejam quais forem os endereços definidos
  --context NOME        neste contexto do kubectl (padrão: $PAXOS_CONTEXT, senão kind-paxos)
  --via CAMINHO         alcança-os por nodeport, proxy (o do servidor da API) ou forward
                        (kubectl port-forward); sem isso, o primeiro que funcionar
  --lang en|pt          idioma; por padrão o da localidade, se existir
  --                    o que segue não é opção, nem com hífen

Ambiente: PAXOS_PROPOSER_ADDRESSES, PAXOS_ACCEPTOR_ADDRESSES,
PAXOS_LEARNER_ADDRESSES, PAXOS_CLIENT_ADDRESSES: "nome=host:porta nome=http://…",
separados por espaços ou vírgulas. Se nenhuma está definida: $PAXOS_ENDPOINTS, como
no paxosctl; senão o Kubernetes, se $PAXOS_CONTEXT está definida; senão o cluster
local em $PAXOS_DATA ou ./paxos-data; senão o Kubernetes, se o kubectl tem o contexto
kind-paxos e o namespace paxos dele tem nós; senão as portas de costume desta máquina.
PAXOS_MAX_WAIT: segundos até desistir de um nó que nada diz (padrão: 15).

Os valores são mostrados como strings JSON, para que nada neles chegue ao terminal
como um comando.

Códigos de saída: 0 certo · 1 erro · 2 uso · 3 não encontrado · 4 conflito (a chave foi
descartada, ou usada para outro valor) · 5 não aplicado, ou indisponível · 6 resultado
desconhecido · 130 interrompido'

TEXT[monitor.help]='Uso: %s [OPÇÃO…]

Mostra os eventos do protocolo dos nós (/view-logs) como acontecem, cada um uma vez.

  --proposers --acceptors --learners --clients
                        só estes papéis; vários podem ser dados (padrão: todos)
  --interval SEGUNDOS   entre duas olhadas (padrão: 1); 0.5 é possível
  --no-follow           mostra o que há e termina
  --last N              começa com no máximo N eventos passados de cada nó
                        (padrão: 100; 0 para nenhum)
  --verbose             eventos de todo tipo e os estados dos nós. Sem isso:
                        %s
  --kubectl-logs        também os logs dos próprios pods, cada linha marcada; só no Kubernetes
  --kube                nós no Kubernetes, sejam quais forem os endereços definidos
  --context NOME        neste contexto do kubectl (padrão: $PAXOS_CONTEXT, senão kind-paxos)
  --via CAMINHO         alcança-os por nodeport, proxy (o do servidor da API) ou forward
                        (kubectl port-forward); sem isso, o primeiro que funcionar
  --lang en|pt          idioma; por padrão o da localidade, se existir

Ambiente: como no paxos-client.sh: PAXOS_PROPOSER_ADDRESSES="nome=host:porta …",
PAXOS_ACCEPTOR_ADDRESSES, PAXOS_LEARNER_ADDRESSES, PAXOS_CLIENT_ADDRESSES; ou
PAXOS_ENDPOINTS, PAXOS_CONTEXT, PAXOS_DATA, ./paxos-data, ou o Kubernetes.

Os horários são UTC, segundo o relógio de cada nó. Ctrl-C termina.

Códigos de saída: 0 certo · 1 nenhum nó respondeu (--no-follow) · 2 uso · 130 interrompido'
TEXT[monitor.unreachable]='%s está inalcançável em %s: %s'
TEXT[monitor.back]='%s voltou'
TEXT[monitor.restarted]='%s foi iniciado de novo'
TEXT[monitor.lost]='%s: até %s eventos foram sobrescritos antes de poderem ser mostrados'
TEXT[monitor.following]='seguindo %s nós, a cada %s s; Ctrl-C termina'
TEXT[monitor.log]='log'
