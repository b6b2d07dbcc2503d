# The developer's verbs. `make demo` and `make test` need nothing but Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH ?= b1
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install demo check format test bench docs lock proto clean

help: ## Show the verbs
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -e 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## Create .venv with the segue command in it

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Segue needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

demo: install ## Start a server, deploy examples/, run a flow and show it (ARGS=--exit ends afterwards)
	@$(BIN)/segue demo $(ARGS)

check: install ## Format, lint, types, layer contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: install ## Apply the formatter and the safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: install check ## Checks and the whole test suite; those that kill processes under load run alone
	$(BIN)/pytest -n 2 --dist loadfile --ignore tests/chaos $(ARGS)
	$(BIN)/pytest tests/chaos $(ARGS)

bench: install ## Run one benchmark: make bench BENCH=b1 ARGS="--rate 1000/min"
	$(BIN)/python -m benchmarks $(BENCH) $(ARGS)

docs: install ## Regenerate the generated reference pages
	$(BIN)/segue docs build

proto: install ## Regenerate the protobuf stubs
	$(BIN)/python scripts/generate_protobuf.py

lock: install ## Pin the dependencies again
	$(BIN)/uv pip compile --quiet pyproject.toml --all-extras --group dev --python-version 3.11 --universal --no-header --no-annotate -o requirements.lock

clean: ## Remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
