# Two commands on a fresh machine with Python 3.11-3.13 and make: `make report` and `make test`.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11; do \
	$$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$candidate && break; done)
PROFILE ?= journey

.PHONY: help setup setup-dev report test test-all test-long check lab ui lock clean

help:  ## show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 10

# The locks name everything, so nothing is left to resolve: --no-deps.
setup: $(VENV)/.installed  ## make .venv and install the runtime packages of requirements.lock

setup-dev: $(VENV)/.installed-dev  ## also install what tests and checks need, from requirements-dev.lock

$(VENV)/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; name it with PYTHON=..." >&2; exit 1; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version); the first time takes some minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements-dev.lock
	@touch $@

report: setup  ## run the default profile (PROFILE=journey) and print the path of its report
	$(BIN)/workbench run $(PROFILE)

# Measuring which branches run costs half as much again: COVERAGE=1 asks for it.
COVERED := $(if $(COVERAGE),--cov=workbench --cov-branch --cov-report=)

test: setup-dev  ## run the fast tests: every notebook once, every rule
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m "not slow and not browser and not long" $(COVERED)

test-all: setup-dev  ## run what make test leaves out: kills, full disks, browser, cached runs against forced runs
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m "(slow or browser) and not long" --cov=workbench --cov-branch --cov-report= --cov-append
	WORKBENCH_FUZZ=20 $(BIN)/python -m pytest --numprocesses auto tests/unit/intake/test_fuzz.py
	@echo "branches covered by the tests measured so far; COVERAGE=1 make test before this measures all:"
	@$(BIN)/coverage report --skip-covered --sort=cover | sed -n "1,12p;$$p"

test-long: setup-dev  ## run the longest tests: whole public profiles, simulations, mutants of the analysis
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m "long" -rA
	$(BIN)/python tests/mutants.py

check: setup-dev  ## ruff on code and notebooks, types of src, outputs stripped
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb

lab: setup  ## JupyterLab on the notebooks, on loopback
	$(BIN)/workbench lab

ui: setup  ## the MLflow UI on the tracked runs, on loopback
	$(BIN)/workbench ui

LOCKED := --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --python-version 3.11

lock: setup  ## resolve both locks anew from pyproject.toml, in one resolution (needs uv)
	uv pip compile $(LOCKED) --extra dev pyproject.toml --output-file requirements-dev.lock
	uv pip compile $(LOCKED) --constraint requirements-dev.lock pyproject.toml --output-file requirements.lock

clean:  ## remove the environment and caches; data and reports stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache
