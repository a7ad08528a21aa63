# Two commands do everything: `make demo` and `make test`. Each sets up what it needs first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Hundreds of processes are started: what the first has compiled, the others need not.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup browser demo test synth check bench docs clean

help: ## Show the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) browser ## Set up the virtual environment, the CDK CLI, the player library, the browser

$(READY): requirements.txt requirements-sandbox.txt requirements-data.txt requirements-check.txt package-lock.json pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Marquee needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements-sandbox.txt --requirement requirements-check.txt
	$(BIN)/pip install --quiet --no-deps --requirement requirements-data.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	$(BIN)/npm ci --loglevel=error --ignore-scripts --no-audit --no-fund
	@touch $@

browser:
	@if [ -n "$$CHROMIUM" ] || command -v chromium chromium-browser google-chrome >/dev/null; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		echo "Installing Debian's Chromium"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	else echo "No browser: install Chromium, or set CHROMIUM to its path. The browser part is skipped."; fi

demo: setup ## Take a film through the deployed stacks and serve the player (CHECK=1: play it once, and end)
	@$(BIN)/marquee demo $(if $(CHECK),--check)

# One more than processors: the tests of the platform wait for much of their time.
test: setup ## Run every test
	$(BIN)/pytest --numprocesses $$($(BIN)/python -c 'import os; print(1 + (os.cpu_count() or 1))') --dist loadscope --no-loadscope-reorder $(TESTS)

synth: $(READY) ## Synthesise both profiles, with no account and no network
	@$(BIN)/marquee synth

check: $(READY) ## ruff, mypy --strict, cfn-lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	@$(BIN)/marquee synth
	$(BIN)/python -m stacks.lint cdk.out/*/assembly-*

bench: setup ## Print what was measured, each figure beside a peer of the same run
	@$(BIN)/pip install --quiet --requirement requirements-bench.txt
	@$(BIN)/python -m bench

docs: $(READY) ## Build the documentation
	$(BIN)/pip install --quiet --requirement requirements-docs.txt
	$(BIN)/python -m stacks.report
	$(BIN)/python -m lambdas.ingestion.schema
	$(BIN)/python -m stacks.openapi
	$(BIN)/python -m models.audit
	$(BIN)/python -m models.questions
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean: ## Remove everything that the commands made
	rm -rf $(VENV) node_modules cdk.out site .marquee
