# Everything a fresh machine needs: a Python of 3.11 or newer, make, and this file.
#
#   make demo    install, start an embedded server, run the order system
#   make test    install, run the tests against servers they start themselves
#
# Choose an interpreter with PYTHON=python3.13, another server for the tests with
# REDIQ_SERVER_BIN=/usr/bin/redis-server. Nothing is written outside the checkout but the demo's
# data, which goes to REDIQ_HOME or the user's data directory.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# A stamp says which lock file, and which project file, the environment was made from.
PYTHON_STAMP := $(VENV)/.stamp-python
RUN_STAMP := $(VENV)/.stamp-run
EXAMPLES_STAMP := $(VENV)/.stamp-examples
DEV_STAMP := $(VENV)/.stamp-dev
# Chosen by running it: a version manager's shim is on PATH and may still fail.
CANDIDATES := $(if $(PYTHON),$(PYTHON),python3.13 python3.12 python3.11 python3 python)
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet
# Workers of the test run; each starts its own servers.
JOBS ?= 2
BENCH ?= drain
TOPOLOGY ?= standalone
SECONDS ?= 60
SEED ?= 1
# More arguments for pytest, rediq demo or rediq bench.
ARGS ?=

.PHONY: help install dev demo test test-all test-acl chaos reliability check bench screenshots format lock clean reference

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(RUN_STAMP) ## Make .venv with everything to run Rediq

dev: $(DEV_STAMP) ## Make .venv with everything to change Rediq

demo: $(if $(findstring --full,$(ARGS)),$(EXAMPLES_STAMP),$(RUN_STAMP)) ## Run the order system on an embedded server; ARGS=--full for all of it
	$(BIN)/rediq demo $(ARGS)

test: $(DEV_STAMP) ## Run the tests, but for the slow ones
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow" $(ARGS)

test-all: $(DEV_STAMP) ## Run all tests: failovers, kills, long waits
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

# Tests of the connection itself send scripts of their own, which no user of Rediq needs.
test-acl: $(DEV_STAMP) ## Run the suites as the Redis users that rediq config acl prints
	REDIQ_TEST_ACL=worker $(BIN)/python -m pytest -n $(JOBS) -m "not slow" tests/e2e $(ARGS)
	REDIQ_TEST_ACL=operator $(BIN)/python -m pytest -n $(JOBS) -m "not slow" tests/contract tests/scripts \
	  --ignore-glob "tests/contract/test_connection_*" --ignore tests/contract/test_admin_acl.py $(ARGS)

chaos: $(DEV_STAMP) ## Break everything for a while; TOPOLOGY=standalone, sentinel or cluster, SECONDS=60, SEED=1
	@$(BIN)/python -m tests.chaos --topology $(TOPOLOGY) --seconds $(SECONDS) --seed $(SEED) $(ARGS)

reliability: $(DEV_STAMP) ## Make every fault of docs/reliability.md, and write what was measured; ARGS="--only R2"
	@$(BIN)/python -m tests.faults.reliability $(ARGS)

check: $(DEV_STAMP) ## Lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(RUN_STAMP) ## Measure; BENCH=enqueue, drain or latency
	@$(BIN)/rediq redis start
	$(BIN)/rediq bench $(BENCH) $(ARGS)

screenshots: $(DEV_STAMP) ## Draw the pictures of the dashboard again
	$(BIN)/python -m tests.dash.screenshots

format: $(DEV_STAMP) ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reference: $(DEV_STAMP) ## Write docs/cli.md from the commands
	$(BIN)/python -m tests.support.reference

lock: ## Rewrite the hash locks from requirements/*.in (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes requirements/run.in -o requirements/run.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes requirements/examples.in -o requirements/examples.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes requirements/dev.in -o requirements/dev.lock

clean: ## Remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache rediq.egg-info build

# Rewritten only when there is no environment, or PYTHON names another interpreter than it has.
$(PYTHON_STAMP): FORCE
	@is_ours() { $(BIN)/python -c 'import pip, sys; assert sys.version_info >= (3, 11); print(sys.version)' 2>/dev/null; }; \
	if [ -z "$(PYTHON)" ] && there=$$(is_ours); then \
	  [ -f $@ ] || printf '%s\n' "$$there" > $@; exit 0; \
	fi; \
	chosen=; \
	for candidate in $(CANDIDATES); do \
	  if version=$$("$$candidate" -c 'import ensurepip, sys, venv; assert sys.version_info >= (3, 11); print(sys.version)' 2>/dev/null); then \
	    chosen=$$candidate; break; \
	  fi; \
	done; \
	if [ -z "$$chosen" ]; then \
	  echo "No Python of 3.11 or newer with venv runs here (tried: $(CANDIDATES))." >&2; \
	  echo "Install one (Debian, Ubuntu: apt-get install python3-venv), or name it: make PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	if there=$$(is_ours) && [ "$$version" = "$$there" ]; then \
	  [ -f $@ ] || printf '%s\n' "$$there" > $@; exit 0; \
	fi; \
	echo "Making $(VENV) with $$chosen ($${version%% *})" && \
	rm -rf $(VENV) && \
	"$$chosen" -m venv $(VENV) && \
	is_ours > $@

.PHONY: FORCE
FORCE:

$(RUN_STAMP): $(PYTHON_STAMP) requirements/run.lock pyproject.toml
	@echo "Installing what Rediq runs on (requirements/run.lock)"
	@$(PIP) --require-hashes -r requirements/run.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q rediq_core rediq_cli
	@touch $@

# The order system's API, which is no part of Rediq.
$(EXAMPLES_STAMP): $(RUN_STAMP) requirements/examples.lock
	@echo "Installing what the order system's API needs (requirements/examples.lock)"
	@$(PIP) --require-hashes -r requirements/examples.lock
	@touch $@

$(DEV_STAMP): $(RUN_STAMP) requirements/dev.lock
	@echo "Installing what the tests and checks need (requirements/dev.lock)"
	@$(PIP) --require-hashes -r requirements/dev.lock
	@touch $@
