# Everything a user or developer does, by one command each; `make` lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
# How much larger the runs of `make soak` are than those of `make test`.
SOAK ?= 5
# How many processes `make test` and `make soak` run in; each starts a Kafka of its own (about 600 MB).
PROCESSES ?= 3
# When `make` was called: the demo counts the making of the environment too.
DEMO_STARTED := $(shell date +%s)
BIN := $(VENV)/bin
# Lock files are complete; --no-deps keeps pip from adding what the lock leaves out on purpose.
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-compile

.PHONY: help demo test soak bench notebooks lint format locks docs clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found: install Python 3.11 or newer, or set PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed: set PYTHON=…"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt pyproject.toml | $(BIN)/python
	@echo "installing what requirements.txt names (about 320 MB the first time) …"
	@$(PIP_INSTALL) --require-hashes -r requirements.txt
	@$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "installing what requirements-dev.txt adds …"
	@$(PIP_INSTALL) --require-hashes -r requirements-dev.txt
	@touch $@

demo: $(VENV)/.installed ## from nothing to alerts: Kafka, Redis, a model, a worker, a sample, a summary
	@DEMO_STARTED=$(DEMO_STARTED) $(BIN)/fraudstream demo

test: $(VENV)/.installed-dev ## the whole test suite, with the servers it needs
	@$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile

soak: $(VENV)/.installed-dev ## the fault tests with more events, kills and rounds: SOAK=5 times as many
	@FRAUDSTREAM_FAULT_SCALE=$(SOAK) $(BIN)/python -m pytest tests/faults --timeout 7200 --numprocesses $(PROCESSES) --dist loadfile

bench: $(VENV)/.installed-dev ## the benchmarks; each writes bench/results/NAME.json and .md
	@$(BIN)/python -m bench

$(VENV)/.installed-notebooks: notebooks/requirements.txt $(VENV)/.installed
	@echo "installing JupyterLab …"
	@$(PIP_INSTALL) --require-hashes -r notebooks/requirements.txt
	@touch $@

notebooks: $(VENV)/.installed-notebooks ## open the notebooks in JupyterLab, on this machine only
	@JUPYTER_PREFER_ENV_PATH=1 $(BIN)/jupyter-lab --ip 127.0.0.1 notebooks

lint: $(VENV)/.installed-dev ## format, lint and type check; freshness of generated files
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@if command -v promtool >/dev/null && command -v amtool >/dev/null; then \
		promtool check config prometheus/prometheus.yml >/dev/null && \
		promtool check config --syntax-only prometheus/compose.yml >/dev/null && \
		promtool check rules --lint=all --lint-fatal prometheus/rules/*.yml >/dev/null && \
		amtool check-config prometheus/alertmanager.yml >/dev/null; \
	else echo "left out: the check of prometheus/, as promtool or amtool is not installed"; fi
	@$(BIN)/python -m docs.build --check
	@$(BIN)/python -m grafana.build --check

format: $(VENV)/.installed-dev ## format the code and fix what can be fixed
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .

docs: $(VENV)/.installed-dev ## write the generated docs anew
	@$(BIN)/python -m docs.build

locks: $(VENV)/.installed-dev ## resolve the lock files anew
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --extra train --extra stack --extra views pyproject.toml build-requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --constraint requirements.txt pyproject.toml build-requirements.in -o requirements-worker.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --extra train --extra stack --extra views --extra dev pyproject.toml build-requirements.in -o requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --constraint requirements-dev.txt notebooks/requirements.in -o notebooks/requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url pyproject.toml bench/requirements-quix.in -o bench/requirements-quix.txt

clean: ## stop the local stack and delete its data and the environment
	@test ! -x $(BIN)/fraudstream || $(BIN)/fraudstream stack down --wipe
	@rm -rf $(VENV) .stack
