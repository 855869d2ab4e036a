# Every verb is a script in scripts/, which CI calls too. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help up down build release test fuzz lint format bench

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## install what is missing, build, start everything here and show a delivery
	@scripts/up

down: ## stop what `make up` started
	@scripts/down

build: ## compile everything, for development
	@scripts/build

release: ## compile the executables as they are shipped
	@scripts/build --release

test: ## install what is missing, build and run all tests
	@scripts/test

fuzz: ## feed the parsers with anything for a minute each
	@scripts/fuzz 60

lint: ## check formatting and scripts
	@scripts/lint

format: ## format the sources in place
	@scripts/format

bench: ## measure throughput and latency on both backbones
	@scripts/bench
