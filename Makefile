# The two commands of the README are `make run` and `make test`; `make help` lists the rest.
SHELL := /bin/sh
GO ?= go
LINT = $(GO) tool -modfile=tools/go.mod


.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build worker, submit and the spaceflights worker into bin/
	$(GO) build -o bin/ ./cmd/worker ./cmd/submit ./examples/spaceflights ./examples/spaceflights/cmd/rawdata

.PHONY: run
run: build ## run the spaceflights project once: embedded NATS server, worker, submit --follow, result
	@./examples/spaceflights/run.sh

.PHONY: test
test: ## run all tests with the race detector
	$(GO) test -race -timeout 25m ./...

.PHONY: chaos
chaos: ## break a fleet of real processes under 10,000 runs, with the times of production, and audit it (some 15 minutes)
	KEDGE_CHAOS=full $(GO) test -count=1 -v -timeout 30m ./internal/chaos

.PHONY: conformance
conformance: ## ask Kedge what Kedro was asked; prints the counts of each family (KEDGE_VECTORS=DIR asks other questions)
	@$(GO) test -count=1 -timeout 25m -v -run '^TestConformance' ./pipeline ./config ./catalog ./internal/cli ./session >.conformance.log 2>&1; status=$$?; \
	if [ $$status -eq 0 ]; then grep -oE 'family [a-z]+: .*' .conformance.log; else grep -vE '^=== |--- PASS' .conformance.log; fi; rm -f .conformance.log; exit $$status

.PHONY: lint
lint: ## vet, format and lint
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt-ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(LINT) golangci-lint run ./...

.PHONY: vuln
vuln: ## look for known vulnerabilities (needs the vulnerability database)
	$(LINT) govulncheck ./...

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s)
	@./internal/archtest/fuzz.sh $(or $(FUZZTIME),30s)

.PHONY: bench
bench: ## benchmarks against the raw nats.go loop; prints a table, writes bench/results.json
	cd bench && $(GO) run . -out results.json

.PHONY: cross
cross: ## compile for the systems on which the tests don't run
	GOOS=darwin $(GO) build ./...
	GOOS=windows $(GO) build ./...

.PHONY: ci
ci: lint cross conformance test ## what CI runs

.PHONY: clean
clean: ## remove what was built and generated
	rm -rf bin .kedge examples/*/data examples/*/.kedge bench/results.json
