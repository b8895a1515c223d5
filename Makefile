# Everything is built from Go modules: no Docker, no root, no download of
# binaries. One setting of cgo for all, so that tools, tests and the binary
# share the build cache, and no C compiler is needed.
export CGO_ENABLED ?= 0

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TEST_TIMEOUT ?= 15m
FUZZ_TIME ?= 10s

RUN_TOOLS := etcd kube-apiserver kube-controller-manager kubectl vault helm
MODULES := . $(wildcard test/tools/*/ test/bench/ test/monitoring/)
BENCHES := policy admission fleet profiles soak scale
GENERATED := charts/countersign/files/crds charts/countersign/README.md ':(glob)api/**/zz_generated.*.go'

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build run-tools ## See the whole product work, on a real apiserver and Vault
	go run ./test/demo

.PHONY: play
play: build run-tools ## Start the same and leave it running; then source bin/play.env
	go run ./test/demo -play

.PHONY: build
build: ## Build bin/countersign
	go build -ldflags "-X main.version=$(VERSION)" -o bin/countersign ./cmd/countersign

.PHONY: tools
tools: run-tools lint-tools generate-tools ## Build the pinned tools that bin/ lacks

.PHONY: run-tools lint-tools generate-tools
run-tools:
	@test/tools/build $(RUN_TOOLS)
lint-tools:
	@test/tools/build golangci-lint
generate-tools:
	@test/tools/build controller-gen

# What test/e2e and the node need, as archives. Static, since they have no base.
.PHONY: images
images: build
	@test/tools/build image
	@mkdir -p bin/images
	go build -ldflags "-s -w" -o bin/images/pause ./test/cluster/pause
	bin/image -output bin/images/pause.tar -name countersign.test/pause:1 bin/images/pause
	bin/image -output bin/images/countersign.tar -name countersign.test/countersign:current bin/countersign

.PHONY: cluster cluster-down
cluster: images run-tools ## Start a real cluster of one node (root, Linux); docs/cluster.md
	@test/tools/build kube-scheduler kubelet kube-proxy
	go build -o bin/cluster ./test/cluster/cmd
	@bin/cluster up
cluster-down: ## Remove every trace of the cluster
	go build -o bin/cluster ./test/cluster/cmd
	@bin/cluster down

.PHONY: test-e2e
test-e2e: ## Tests on the cluster of "make cluster", or on that of E2E_KUBECONFIG
	@[[ -n $${E2E_KUBECONFIG:-} ]] || { $(MAKE) cluster; go test ./test/cluster -timeout 5m; }
	go test ./test/e2e -v -timeout 20m

# Integration tests that take long: policy over restarts, bypasses with and
# without admission, GitOps tools, coming from kubernetes-external-secrets.
SLOW := ^Test(RacingPairs|Bypass|Takeover|BreakGlass|BadEdit|LastGoodIsTheLeaders|AuditLogOf|FloorHolds|FloorAndExisting|DeletedPolicy|BadPolicyAt|StatusOneEvent|GitOpsSees|GuardWarns|Identity$$|Instances$$|ResyncTells|PolicyThatDoes|NamespaceGone|ReadingPage)

.PHONY: test
test: build run-tools ## Unit and integration tests
	go test $$(go list ./... | grep -vE '/test/(cluster|e2e|install|release|resilience|rollout)$$') -skip '$(SLOW)' -timeout $(TEST_TIMEOUT)

.PHONY: test-slow
test-slow: build run-tools ## Integration tests that take long; rollouts and rotations under load; installs with helm
	go test -p 1 ./test/integration ./test/guard -run '$(SLOW)' -timeout $(TEST_TIMEOUT)
	go test ./test/rollout -timeout $(TEST_TIMEOUT)
	go test ./test/install -timeout $(TEST_TIMEOUT)

.PHONY: test-monitoring
test-monitoring: build run-tools ## Ask the queries of alerts and dashboard with Prometheus' engine
	cd test/monitoring && go vet . && go test -timeout $(TEST_TIMEOUT) .

.PHONY: test-resilience
test-resilience: build run-tools ## Faults, leases and backlogs; takes a quarter of an hour
	go test ./test/resilience -timeout 30m

.PHONY: test-release
test-release: ## Build for this platform as a release does, twice, and check it
	@test/tools/build helm
	go test ./test/release -timeout $(TEST_TIMEOUT)

.PHONY: fuzz
fuzz: ## Run each fuzz test for FUZZ_TIME
	@go list -f '{{.Dir}}' ./... | while read -r folder; do \
	  { grep -hos '^func Fuzz[A-Za-z0-9]*' "$$folder"/*_test.go || true; } | while read -r _ name; do \
	    echo "$$folder $$name"; (cd "$$folder" && go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZ_TIME) .); \
	  done; \
	done

# Each writes its page; the sizes are flags: make bench-fleet BENCH_FLAGS="-runs 1".
.PHONY: bench $(BENCHES:%=bench-%)
bench: ## Measure everything, into docs/benchmarks; takes about three quarters of an hour
	@$(MAKE) -j1 --keep-going $(BENCHES:%=bench-%)
$(BENCHES:%=bench-%): bench-%: build run-tools
	cd test/bench && go run ./$* -folder ../../docs/benchmarks $(BENCH_FLAGS)

.PHONY: test-bench
test-bench: build run-tools ## Run the benchmarks small: their numbers say nothing, their pages are complete
	cd test/bench && go vet ./... && go test ./... -timeout $(TEST_TIMEOUT)

.PHONY: lint
lint: lint-tools ## Run the linters
	bin/golangci-lint config verify
	bin/golangci-lint run
	cd test/bench && ../../bin/golangci-lint run

.PHONY: generate
generate: generate-tools ## Generate deep copies, the CRD, and the table of the chart's values
	bin/controller-gen object crd paths=./api/... output:crd:dir=charts/countersign/files/crds
	go test ./test/chart -run '^TestReadme$$' -update

.PHONY: verify
verify: generate ## Check that generated files are current and each go.mod is tidy
	@git diff --exit-code -- $(GENERATED)
	@unknown=$$(git ls-files --others --exclude-standard -- $(GENERATED)); \
	  [[ -z $$unknown ]] || { echo "generated but not committed: $$unknown" >&2; exit 1; }
	@for module in $(MODULES); do (cd $$module && go mod tidy -diff); done

.PHONY: release
release: ## Build archives, SBOMs, the chart and checksums into dist/
	@test/tools/build helm
	VERSION=$(VERSION) .ci/release

.PHONY: clean
clean: ## Delete bin/ and dist/, and the cluster that lives in it
	@if [[ -d bin/node ]]; then $(MAKE) cluster-down; fi
	rm -rf bin dist
