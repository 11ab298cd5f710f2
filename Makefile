# Everything that this project does to itself. `make help` lists the targets.
# Needs make and Python 3.11 or newer; the rest is installed into .venv.

SHELL := /bin/sh
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install services test check format demo bench soak lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'ARGS="…" is passed on by test, demo, bench and soak, e.g. make test ARGS="tests/domain -x"'

install: $(STAMP) ## build .venv from the pinned versions (again only when they change)

$(STAMP): requirements-dev.txt pyproject.toml scripts/install.sh
	@PYTHON="$(PYTHON)" sh scripts/install.sh
	@touch $(STAMP)

services: $(STAMP) ## find, or install, the servers that the tests run: Redis, PostgreSQL, Prometheus, Asterisk
	@$(BIN)/python -m tests.services.install
	@$(BIN)/python -m tests.asterisk.packages

test: services ## run the whole test suite
	@$(BIN)/python -m scripts.suite $(ARGS)

check: $(STAMP) ## lint, formatting and strict types
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy $(wildcard dispatcher workers migrations bench) tests/services tests/architecture tests/system tests/asterisk

format: $(STAMP) ## put every file into the project's format
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format

demo: $(STAMP) ## the whole product on a simulated PBX; ARGS="--pbx asterisk": on a real one
	@$(BIN)/python -m scripts.demo $(ARGS)

bench: services ## measure the whole path, beside a plain baseline
	@$(BIN)/python -m bench $(ARGS)

soak: services ## long runs with faults switched on
	@$(BIN)/python -m bench soak $(ARGS)

lock: ## choose and pin newer versions (requirements*.txt)
	@PYTHON="$(PYTHON)" sh scripts/lock.sh

clean: ## remove the environment and everything built
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
