# An index of verbs; each is one line that you could type yourself.
.PHONY: help up down test race etcd manifests e2e check fuzz long scenes bin

help: ## this list
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

up: ## a local cluster of ten nodes, until Ctrl-C
	go run ./cmd/paxosctl local up

down: ## stop the local cluster
	go run ./cmd/paxosctl local down

test: ## every test
	go test ./...

race: ## every test under the race detector
	go test -race ./...

etcd: ## thousands of random sequences of operations against etcd itself
	cd test/etcd && go test -count=1 -v .

manifests: ## render, decode and judge what k8s/ says
	cd test/manifests && go test -count=1 -v ./...

e2e: ## every drill on a kind cluster of its own, with Docker and kubectl
	E2E=1 go test -count=1 -v -timeout 30m ./test/e2e

long: ## the long forms of the integration tests
	PAXOS_LONG=1 go test -v -count=1 ./test/integration

scenes: ## write the golden conversations anew; read the diff
	go test ./test/scenes -rewrite

fuzz: ## one minute of each fuzz target
	scripts/fuzz.sh 1m

check: ## what CI checks besides the tests
	test -z "$$(gofmt -l .)" && go vet ./... && go tool staticcheck ./...

bin: ## the programs, static, in bin/
	CGO_ENABLED=0 go build -trimpath -tags nomsgpack -o bin/ ./cmd/...
