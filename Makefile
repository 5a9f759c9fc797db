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
PEER := .venv/.bench-peer-$(call pins,tests/bench/peer/package-lock.json)
# Tests wait for browsers and child processes much of the time: twice the cores keeps both busy.
WORKERS ?= $(shell echo $$((2 * $$(nproc))))
# Databases in memory, where 2 GB of it are free, wait for no disk.
in_memory = $(shell df --output=avail /dev/shm 2>/dev/null | awk 'NR > 1 && $$1 > 2000000 { print "TMPDIR=/dev/shm" }')
ARGS ?=

.PHONY: help demo test bench bench-growth bench-import bench-backup soak malformed wheel sbom lint types lock clean

help:
	@echo 'make demo   run the main job: broker, stand-ins and demo registry (ARGS="--https --port-base 9000")'
	@echo 'make test   run every test, with branch coverage (ARGS="tests/cli": some, without)'
	@echo 'make bench  measure the broker beside oidc-provider (ARGS="--quick"; also bench-growth, bench-import and bench-backup ROWS=1000000)'
	@echo 'make soak   have every part fail in turn, under load: as root (MINUTES=10 RATE=6 PHASES=rolling,rotation REPORT=soak.md)'
	@echo 'make malformed  send COUNT=100000 malformed requests over all endpoints'
	@echo 'make wheel  build dist/vestibule-....whl, with its SBOM'
	@echo 'make sbom   list what requirements.txt pins, as CycloneDX'
	@echo 'make lint   ruff, types and the import contract'
	@echo 'make types  mypy alone'
	@echo 'make lock   pin the dependencies of pyproject.toml anew'
	@echo 'make clean  remove everything that was made here'

demo: $(RUNTIME)
	@exec $(BIN)/vestibule demo $(ARGS)

test: $(DEV) $(NODE)
	@.ci/packages
	$(in_memory) $(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal $(or $(ARGS),--cov --cov-report=term)

# Databases in memory, or the disk would be measured.
bench: $(DEV) $(PEER)
	@.ci/packages
	@$(in_memory) $(BIN)/python -m tests.bench.run $(ARGS)

bench-growth: $(DEV)
	@.ci/packages
	@$(in_memory) $(BIN)/python -m tests.bench.growth $(ARGS)

bench-import: $(DEV)
	@$(BIN)/python -m tests.bench.import_rows --rows $(or $(ROWS),1000000) $(ARGS)

bench-backup: $(DEV)
	@$(BIN)/python -m tests.bench.backup_rows --rows $(or $(ROWS),1000000) $(ARGS)

# Network namespaces of its own need root; nothing of it is left behind, however it ends.
soak: $(DEV)
	@.ci/packages soak
	@$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),10) --rate $(or $(RATE),6) --report $(or $(REPORT),soak.md) \
		$(if $(PHASES),--phases $(PHASES)) $(if $(PREVIOUS),--previous $(PREVIOUS)) $(ARGS)

malformed: $(DEV)
	@.ci/packages
	@$(in_memory) $(BIN)/python -m tests.reliability.malformed --count $(or $(COUNT),100000) $(ARGS)

# Byte for byte the same from the same commit: no time, no path and no index address is in it.
wheel: sbom
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build -t wheel -d dist

sbom: $(DEV)
	@$(BIN)/python .ci/sbom.py build/vestibule.cdx.json

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
	rm -f .coverage .coverage.* soak.md soak.json
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
npm_ci = NODE_USE_SYSTEM_CA=1 $(BIN)/npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
$(NODE): | $(DEV)
	@echo 'Installing what tests/clients/package-lock.json pins ...'
	@mkdir -p .venv/node && cp tests/clients/package.json tests/clients/package-lock.json .venv/node
	@$(npm_ci) --prefix .venv/node
	@rm -f .venv/.node-* && touch $@

$(PEER): | $(DEV)
	@echo 'Installing what tests/bench/peer/package-lock.json pins ...'
	@mkdir -p .venv/bench-peer && cp tests/bench/peer/package.json tests/bench/peer/package-lock.json .venv/bench-peer
	@$(npm_ci) --prefix .venv/bench-peer
	@rm -f .venv/.bench-peer-* && touch $@
