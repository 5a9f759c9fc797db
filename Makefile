# make demo: the whole main job on this machine.   make test: every test.   .ci/run: what must pass.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Without bytecode every child process of a test or of the demo compiles all it imports anew.
unexport PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE

find_python := for each in python3.11 python3; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$each"; break; }; done
PYTHON ?= $(shell $(find_python))
BIN := .venv/bin
# A stamp names what was installed: when a pin changes, its name does, and the new pins are installed.
pins = $(shell cat $(1) pyproject.toml | sha256sum | cut -c1-16)
RUNTIME := .venv/.runtime-$(call pins,requirements.txt)
DEV := .venv/.dev-$(call pins,requirements-dev.txt)
NODE := .venv/.node-$(call pins,tests/clients/package-lock.json)
# Tests wait for browsers and child processes much of the time: twice the cores keeps both busy.
WORKERS ?= $(shell echo $$((2 * $$(nproc))))
# Databases in memory, where 2 GB of it are free, wait for no disk.
in_memory = $(shell df --output=avail /dev/shm 2>/dev/null | awk 'NR > 1 && $$1 > 2000000 { print "TMPDIR=/dev/shm" }')
ARGS ?=

.PHONY: help demo test bench lint types lock clean

help:
	@echo 'make demo   run the main job: broker, stand-ins and demo registry (ARGS="--https --port-base 9000")'
	@echo 'make test   run every test, with branch coverage (ARGS="tests/cli": some, without)'
	@echo 'make bench  import ROWS=1000000 rows, and measure it'
	@echo 'make lint   ruff, types and the import contract'
	@echo 'make types  mypy alone'
	@echo 'make lock   pin the dependencies of pyproject.toml anew'
	@echo 'make clean  remove everything that was made here'

demo: $(RUNTIME)
	@exec $(BIN)/vestibule demo $(ARGS)

test: $(DEV) $(NODE)
	@.ci/packages
	$(in_memory) $(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal $(or $(ARGS),--cov --cov-report=term)

bench: $(DEV)
	@$(BIN)/python -m tests.bench.import_rows --rows $(or $(ROWS),1000000) $(ARGS)

lint: $(DEV) types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(DEV)
	$(BIN)/mypy

# uv resolves, and nothing else here needs it. The files name no index and no download address.
lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	for set in '--extra build --extra dev --extra tracing --output-file requirements-dev.txt' \
		'--extra build --constraint requirements-dev.txt --output-file requirements.txt'; do \
		.venv-lock/bin/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 \
			--generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links $$set; done

clean:
	rm -rf .venv .venv-lock .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	rm -f .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is missing: apt-get install python3 python3-venv' >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo 'No virtual environment could be made: apt-get install python3-venv' >&2; exit 1; }

install = $(BIN)/python -m pip install --quiet --disable-pip-version-check
$(RUNTIME): | .venv/bin/python
	@echo 'Installing what requirements.txt pins ...'
	@$(install) --require-hashes -r requirements.txt
	@$(install) --no-deps --no-build-isolation --editable .
	@rm -f .venv/.runtime-* && touch $@

$(DEV): | .venv/bin/python
	@echo 'Installing what requirements-dev.txt pins ...'
	@$(install) --require-hashes -r requirements-dev.txt
	@$(install) --no-deps --no-build-isolation --editable .
	@rm -f .venv/.dev-* && touch $@

# npm comes with requirements-dev.txt, and what it installs is for tests alone. No script of a package is run, and the
# certificate authorities are those of the machine, as for pip.
$(NODE): | $(DEV)
	@echo 'Installing what tests/clients/package-lock.json pins ...'
	@mkdir -p .venv/node && cp tests/clients/package.json tests/clients/package-lock.json .venv/node
	@NODE_USE_SYSTEM_CA=1 $(BIN)/npm ci --prefix .venv/node --ignore-scripts --no-audit --no-fund --loglevel=error
	@rm -f .venv/.node-* && touch $@
