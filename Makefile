# make            lists the targets
# make study      sets everything up and simulates the belzutifan study
# make test       sets everything up and runs the tests

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SCENARIO ?= scenarios/belzutifan-vs-sunitinib.toml

.DEFAULT_GOAL := help
.PHONY: help study test slow validate lint bench gate peers picture schema clean check-python

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

study: $(VENV)/installed ## Set up, then simulate the belzutifan study (SCENARIO=FILE for another)
	$(BIN)/simulate run $(SCENARIO)

test: $(VENV)/installed-test ## Set up, then run the tests (some five minutes on two cores)
	$(BIN)/python -m pytest -n auto

slow: $(VENV)/installed-test ## Run the tests that take longer
	$(BIN)/python -m pytest -m slow -n auto

validate: $(VENV)/installed-test ## Run the tests that take longest
	$(BIN)/python -m pytest -m validate

lint: $(VENV)/installed-dev ## Check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(VENV)/installed ## Measure the engine beside a naive loop
	$(BIN)/python -m benchmarks.bench

gate: $(VENV)/installed ## Fail if the engine has become slower beside the naive loop
	$(BIN)/python -m benchmarks.bench --gate

peers: $(VENV)/installed ## Run the same trials in R packages, where installed, and compare
	$(BIN)/python -m benchmarks.peers.compare

picture: $(VENV)/installed ## Draw the picture of the README
	$(BIN)/simulate run $(SCENARIO) --figure docs/images/belzutifan-vs-sunitinib.png --quiet

schema: $(VENV)/installed ## Write the JSON Schemas that editors use
	$(BIN)/simulate schema > docs/scenario-schema-v1.json
	$(BIN)/simulate schema --evidence > docs/evidence-schema-v1.json

clean: ## Remove the virtual environment
	rm -rf $(VENV)

check-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or later is needed; $(PYTHON) is not: install it, or name it: make PYTHON=python3.12 study" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) has no venv module: install it (Debian, Ubuntu: sudo apt install python3-venv)" >&2; exit 1; }

$(VENV)/bin/python: | check-python
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e .
	@touch $@

$(VENV)/installed-test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e ".[test]"
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	@touch $@
