# make demo    the main job on real data, writes out/report.html
# make test    lint, types, contracts, documentation, the whole suite
# make help    every target
#
# Each target sets up .venv by itself. PYTHON=python3.12 make test uses another interpreter.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Compiled kernels are cached once, for every process of every target.
export NUMBA_CACHE_DIR := $(CURDIR)/.cache/numba

.PHONY: help demo test lint test-slow test-random test-gpu bench replicate docs format clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 14

demo: $(VENV)/.base ## the main job on real data; writes out/report.html
	@mkdir -p out
	$(BIN)/memscape demo --out out/report.html

test: lint ## lint, types, contracts, documentation, the whole suite
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/.dev ## ruff, ty, import contracts, strict build of the documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ty check
	$(BIN)/lint-imports
	$(BIN)/zensical build --strict --clean

test-slow: $(VENV)/.dev ## the tests marked slow
	$(BIN)/python -m pytest -m slow

test-random: $(VENV)/.dev ## the tests of laws on newly drawn examples; HYPOTHESIS_PROFILE=thorough draws 500 of each
	HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-random} $(BIN)/python -m pytest -n 2 --dist worksteal -m "hypothesis and not gpu"

# Sets nothing up, and runs without the shape checking hook: any interpreter with torch, numba and pytest will do.
test-gpu: ## the tests marked gpu, with PYTHON and the torch that it has
	PYTHONPATH=src $(PYTHON) -m pytest -o addopts="--import-mode=importlib --strict-markers" -o check_shapes=false -m gpu tests

bench: $(VENV)/.bench ## benchmarks against peers, in one process run
	$(BIN)/python -m benchmarks

replicate: $(VENV)/.base ## the claims of papers that take seconds or minutes; renews results/ and the pages made from it
	$(BIN)/memscape replicate --tier minutes
	$(BIN)/python -m memscape.replications.systems --write

docs: $(VENV)/.dev ## the map's tables and the site/ folder
	$(BIN)/python -m memscape.replications.systems --write
	$(BIN)/zensical build --strict --clean

format: $(VENV)/.dev ## put every file into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what the targets above made, .venv too
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks out site dist build

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "memscape needs Python 3.11 or newer, $(PYTHON) is %d.%d: PYTHON=python3.12 make ..." % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)

# A stamp per set of dependencies: nothing is installed again until one of the two files changes.
$(VENV)/.base: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[test,docs]"
	@touch $@

$(VENV)/.bench: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[bench]"
	@touch $@
