# shellcheck shell=bash
# shellcheck disable=SC2034,SC2016 # used by text.sh; nothing here is to be expanded
# What fault-test.sh says, in Portuguese. The word VERDICT stays, for programs
# that look for it.
declare -gA TEXT

TEXT[fault.nodrill]='não há o exercício "%s"; existem: %s'
TEXT[fault.kept]='%s guarda uma execução anterior; dê outro diretório'
TEXT[fault.nodir]='não há o diretório %s, em que --keep tenha guardado uma execução'
TEXT[fault.notool]='%s é necessário e não foi encontrado'
TEXT[fault.forward]='uma porta encaminhada termina com seu pod, então os exercícios precisam de NodePorts ou do proxy do servidor da API (--via nodeport, --via proxy)'
TEXT[fault.norole]='não há nenhum nó com o papel %s: isto não é um cluster inteiro'
TEXT[fault.unhealthy]='Nada foi quebrado: o cluster no contexto %s não está saudável como está.%s'
TEXT[fault.replicas]='seu Deployment tem %s réplicas, e não 1'
TEXT[fault.podnotready]='seu pod não está pronto'
TEXT[fault.noleader]='ninguém lidera'
TEXT[fault.nofirst]='Nada foi quebrado: uma primeira escrita não teve sucesso (status HTTP %s) %s'
TEXT[fault.noterminal]='o contexto %s não é um kind ou minikube local, e não há a quem perguntar: dê --yes para quebrá-lo sem pergunta'
TEXT[fault.ask]='Os nós no namespace %s do contexto %s serão tirados e postos de volta; enquanto isso, escritas falham. Exercícios: %s. Começar? [s/N] '
TEXT[fault.dropped]='Nada foi quebrado.'
TEXT[fault.restoring]='escalando de volta ao que era, no contexto %s'
TEXT[fault.unrestored]='%s não pôde ser escalado de volta; faça com: kubectl --context %s -n %s scale deployment NOME --replicas=%s'

TEXT[fault.begin]='Contexto %s, valores %s…, %s escritores, exercícios: %s'
TEXT[fault.drill.acceptor]='acceptor: um acceptor para zero, e de volta'
TEXT[fault.drill.quorum]='quorum: a maioria dos acceptors para zero, e de volta'
TEXT[fault.drill.acceptors]='acceptors: todos os acceptors para zero, e de volta'
TEXT[fault.drill.all]='all: tudo para zero, e de volta'
TEXT[fault.drill.leader]='leader: o pod do líder apagado sem aviso'
TEXT[fault.drill.passed]='%s: certo em %s s; maior pausa sem uma escrita bem-sucedida: %s s'
TEXT[fault.drill.failed]='%s: FALHOU em %s s; maior pausa sem uma escrita bem-sucedida: %s s'
TEXT[fault.within]='%s: %s s (limite: %s s)'
TEXT[fault.over]='%s: %s s, acima do limite de %s s'
TEXT[fault.toolong]='FALHOU: %s: %s s, mais de cinco vezes o limite de %s s'
TEXT[fault.readyafter]='pods prontos %s s depois de pedidos'
TEXT[fault.writeagain]='recuperado: uma escrita tem sucesso depois de os pods estarem prontos'
TEXT[fault.writeafter]='recuperado: uma escrita tem sucesso depois de o pod ser apagado (a do próprio exercício, enviada quando o novo líder foi visto; outros escritores podem conseguir antes)'
TEXT[fault.takespart]='%s participa de novo, depois de pronto'
TEXT[fault.answer]='uma escrita é respondida com o status HTTP %s (%s)'
TEXT[fault.noticed]='percebido: uma escrita é recusada como não aplicada (%s)'
TEXT[fault.leaderdies]='%s lidera; seu pod %s é apagado'
TEXT[fault.newleader]='um novo líder, %s'
TEXT[fault.nonefailed]='nenhuma escrita falhou'

TEXT[fault.stays]='FALHOU: pods não vão embora: %s'
TEXT[fault.notready]='FALHOU: nenhum pod pronto de: %s'
TEXT[fault.nowrite]='FALHOU: nenhuma escrita tem mais sucesso'
TEXT[fault.left]='FALHOU: nem tudo pôde ser escalado de volta'
TEXT[fault.broke]='FALHOU: o kubectl recusou; veja acima'
TEXT[fault.writesfailed]='FALHOU: %s escritas não tiveram sucesso'
TEXT[fault.aside]='FALHOU: %s não participa de novo'
TEXT[fault.noquorum]='FALHOU: uma escrita foi confirmada sem quórum, no slot %s'
TEXT[fault.noreason]='FALHOU: uma escrita é respondida com o status HTTP %s; o devido é 503 ou 504 com um motivo'
TEXT[fault.unnoticed]='FALHOU: ninguém percebeu que não há quórum: nenhum 503 com um motivo'
TEXT[fault.restarted]='FALHOU: o pod %s foi reiniciado'

TEXT[fault.judging]='Os exercícios acabaram: os resultados são resolvidos e os logs dos learners são lidos.'
TEXT[fault.unread]='o log de %s não pode ser lido até o fim: %s'
TEXT[fault.nojudgement]='o que está em %s não pode ser julgado: são precisos run, history, settled, faults e log.NÓ, como --keep os escreve'
TEXT[fault.counts]='Escritas: %s confirmadas, %s recusadas como não aplicadas, %s desconhecidas (das quais depois %s aplicadas, %s descartadas, %s ainda desconhecidas), %s outros erros.'
TEXT[fault.wrong.lost]='PERDIDO: %s não está no log de %s'
TEXT[fault.wrong.twice]='DUAS VEZES: %s no log de %s'
TEXT[fault.wrong.elsewhere]='EM OUTRO LUGAR: %s, no log de %s'
TEXT[fault.wrong.undead]='LÁ APESAR DE TUDO: %s no log de %s'
TEXT[fault.wrong.unsent]='NÃO ENVIADO: %s no log de %s, sem que se saiba de alguém que o enviou'
TEXT[fault.wrong.order]='FORA DE ORDEM: %s (%s)'
TEXT[fault.wrong.unordered]='SLOTS FORA DE ORDEM: %s no log de %s'
TEXT[fault.wrong.differ]='LEARNERS DIFEREM: %s: %s'
TEXT[fault.wrong.unread]='NÃO LIDO: %s não foi lido até o fim%s'
TEXT[fault.wrong.garbled]='ILEGÍVEL: %s (%s)'
TEXT[fault.wrong.empty]='VAZIO: nenhuma escrita confirmada em %s (%s): isso não prova nada'
TEXT[fault.wrong.more]='… e mais %s'
TEXT[fault.pass]='VERDICT: PASS: %s escritas confirmadas estão lá, cada uma uma vez, onde e na ordem em que foi dito%s.'
TEXT[fault.pass.both]='; as recusas de ambos os tipos valeram'
TEXT[fault.pass.refused]='; o que foi recusado como não aplicado não está lá'
TEXT[fault.pass.burnt]='; o que foi descartado não está lá'
TEXT[fault.fail]='VERDICT: FAIL: %s coisas estão erradas no histórico, %s nos exercícios.'

TEXT[fault.help]='Uso: %s [OPÇÃO…] [EXERCÍCIO…]

Quebra de propósito um cluster no Kubernetes enquanto valores são escritos, espera
até que ele se recupere e compara o que foi dito aos escritores com o que cada
learner tem.

  acceptor              um acceptor para zero e de volta: nenhuma escrita falha, e ele
                        participa de novo em até 10 s depois de pronto
  quorum                a maioria dos acceptors para zero e de volta: 503 ou 504 com
                        um motivo em até 2 s, nenhum pod é reiniciado
  acceptors             todos os acceptors para zero e de volta: do mesmo modo
  all                   tudo para zero e de volta
  leader                o pod do líder é apagado sem aviso: outro lidera em até 3 s
Sem nenhum: todos estes, nesta ordem. Um limite ultrapassado é dito; ultrapassado
cinco vezes, é uma falha.

  --context NOME        do kubectl (padrão: $PAXOS_CONTEXT, senão kind-paxos)
  --via CAMINHO         nodeport ou proxy (padrão: o primeiro que funcionar)
  --seconds N           quanto dura uma falha (padrão: 5)
  --writers N           quantos escrevem ao mesmo tempo (padrão: 4)
  --yes                 não pergunta, seja qual for o contexto
  --keep DIR            guarda as chamadas, os logs que foram comparados e o que
                        não se cumpriu nos exercícios
  --check DIR           não quebra nada; julga de novo o que foi guardado ali
  --lang en|pt          idioma; por padrão o da localidade, se existir

Só o namespace paxos é tocado. Em um contexto que não é de um kind ou minikube
local, pergunta antes de começar; sem terminal, precisa então de --yes. No fim,
depois de Ctrl-C, e quando o terminal é fechado, tudo é escalado de volta ao que era.

Códigos de saída: 0 VERDICT: PASS · 1 VERDICT: FAIL, ou um erro · 2 uso · 5 nada foi
começado: o cluster não está lá ou não está saudável · 130 interrompido'
