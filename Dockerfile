# One image with all programs. It builds with the classic builder and with
# BuildKit: no mounts, no build platform. VERSION and COMMIT are what
# /health, --version and the metrics say; .git is not part of the context.
FROM golang:1.26 AS build
WORKDIR /src
# Modules first: they change less often than the code, and stay cached.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unversioned
ARG COMMIT=
RUN CGO_ENABLED=0 go build -trimpath -tags nomsgpack \
      -ldflags "-s -w -X paxos/internal/service.stampedVersion=$VERSION -X paxos/internal/service.stampedCommit=$COMMIT" \
      -o /out/usr/local/bin/ ./cmd/node ./cmd/paxosctl \
 && for role in proposer acceptor learner client; do ln -s node /out/usr/local/bin/$role; done \
 && ln -s paxosctl /out/usr/local/bin/kubectl-paxos

FROM scratch
COPY --from=build /out/ /
# Nobody has this number: not root, and no user of the host.
USER 65532:65532
ENV PATH=/usr/local/bin
LABEL org.opencontainers.image.title="paxos" \
      org.opencontainers.image.description="Multi-Paxos as microservices: proposer, acceptor, learner, client, paxosctl"
# A node takes flags, and PAXOS_… variables: docker run IMAGE acceptor --help
CMD ["paxosctl", "--help"]
