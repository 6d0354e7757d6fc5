# Hanok. `make` lists the targets.

DATA   ?= /var/lib/hanok
LISTEN ?= :443
PORT   ?= 8443

export GOTOOLCHAIN := auto
export CGO_ENABLED := 0
VERSION := $(shell git describe --always --dirty --tags 2>/dev/null || echo devel)
SUDO    := $(if $(filter 0,$(shell id -u)),,sudo)
BUF     := go tool -modfile=tools/go.mod buf

.DEFAULT_GOAL := help
.PHONY: help setup build run clean-run dev test test-clean soak bench check generate

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install the distribution's packages that are missing (needs the network, once)
	@scripts/setup

build: ## build bin/hanok
	@echo "build: bin/hanok"
	@go build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/hanok ./cmd/hanok

run: setup build ## start a data center with a virtual machine in it: DATA=DIR LISTEN=ADDR:PORT
	@exec $(SUDO) bin/hanok up --data "$(DATA)" --listen "$(LISTEN)"

clean-run: ## remove everything that make run made under DATA, its virtual machines included
	@test -x bin/hanok || $(MAKE) --no-print-directory build
	@$(SUDO) bin/hanok clean --data "$(DATA)"

dev: ## run a manager and three hosts, and replace them with every change of the sources: DATA=DIR (else .dev) PORT=NUMBER
	@exec scripts/dev -data "$(if $(filter file,$(origin DATA)),.dev,$(DATA))" -port "$(PORT)"

test: ## set up what the tests need and run all of them
	@scripts/test

test-clean: ## make run and the unit tests in clean Debian 12 and 13 roots (needs the network)
	@scripts/test-clean

soak: ## kill a data center's parts 200 times, and break each promise on purpose: HANOK_KILLS=N HANOK_SEED=N
	@scripts/soak

bench: ## compare the start of a virtual machine with a bare QEMU's and libvirt's, and measure a thousand hosts (doc/benchmarks.md)
	@scripts/bench

check: ## format, vet, lint, import rules, and whether generated code is what its sources make
	@scripts/check

generate: ## make the generated code anew
	@$(BUF) generate api --template api/buf.gen.yaml

