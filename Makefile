# Few verbs, the same ones CI calls. ARGS goes to the program behind a verb: make test ARGS="-k lake", make run ARGS="--port 9000".
# What is installed is noted in stamp files inside .venv, so a second call installs nothing and needs no network.

PYTHON ?= python3.11
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate --no-header $(UPGRADE)
# What `make run` can read from. Oracle's library takes half a gigabyte: who needs it says .venv/bin/pip install oci
RUN_EXTRAS := --extra aws --extra azure --extra gcp --extra excel --extra postgres --extra clickhouse --extra redis \
              --extra notify --extra oidc
# What the tests need of Debian. Elsewhere install the like of them and say `make test PACKAGES=`.
PACKAGES ?= chromium fonts-dejavu-core postgresql redis-server prometheus prometheus-pushgateway \
            nagios4-core monitoring-plugins-basic icinga2-bin icinga2-common $(if $(shell command -v npm),,nodejs npm)

.DEFAULT_GOAL := help
.PHONY: help run test check clouds bench build lock packages
.DELETE_ON_ERROR:

help:  ## list these verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.run  ## install Outlay into .venv and start it on http://127.0.0.1:8000
	@exec $(BIN)/outlay serve $(ARGS)

test: .venv/.dev .venv/.clouds  ## run the tests
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/.dev  ## look for faults without running: lint, format, types, which part imports which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

clouds: .venv/.clouds  ## start stand-ins of all clouds on 127.0.0.1, and write settings that read them to build/clouds
	@exec $(BIN)/python -m tests.clouds build/clouds

bench: .venv/.dev  ## measure speed and memory on generated bills
	$(BIN)/python -m benchmarks $(ARGS)

build: .venv/.run  ## make the wheel in dist/
	$(BIN)/python -m hatchling build --target wheel

lock: .venv/.dev  ## write requirements/*.txt anew from pyproject.toml; UPGRADE=--upgrade takes newer versions
	$(LOCK) pyproject.toml $(RUN_EXTRAS) --group build --output-file requirements/run.txt
	$(LOCK) pyproject.toml --extra all --group dev --constraint requirements/run.txt --output-file requirements/dev.txt
	for other in bigquery nise; do $(LOCK) requirements/$$other.in --output-file requirements/$$other.txt; done
	@if grep -nE '://|^ *--(index|extra-index|find-links)' requirements/*.txt; then \
	    echo "the locks may name no address (docs/decisions/001-locks-without-addresses.md)" >&2; exit 1; fi

# The packages first, each checked against its hash; then the project itself, which needs nothing any more.
.venv/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes -r $<
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: requirements/dev.txt requirements/run.txt pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes -r $<
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch .venv/.run $@

# What cannot live beside us: BigQuery's emulator pins another DuckDB, Azure's is a program for Node, and nise, which
# generates bills, is under a licence of its own.
.venv/.clouds: requirements/bigquery.txt requirements/nise.txt tests/clouds/package-lock.json | .venv/.dev packages
	$(BIN)/python -m venv .venv/bigquery
	.venv/bigquery/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements/bigquery.txt
	$(BIN)/python -m venv .venv/nise
	.venv/nise/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements/nise.txt
	@mkdir -p .venv/azurite && cp tests/clouds/package.json tests/clouds/package-lock.json .venv/azurite
	npm ci --silent --no-audit --no-fund --prefix .venv/azurite
	@touch $@

$(BIN)/python:
	@for python in '$(PYTHON)' python3 python3.12 python3.13; do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	    echo "Outlay needs Python 3.11 or newer, and neither $(PYTHON) nor python3 is one; say make PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null; \
	    else \
	        echo "Python's venv module is missing; install it first: sudo apt-get install python3-venv" >&2; exit 1; \
	    fi; \
	fi; \
	"$$found" -m venv .venv || { rm -rf .venv; exit 1; }

packages:
	@for package in $(PACKAGES); do \
	    dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || missing="$${missing:-} $$package"; \
	done; \
	if [ -z "$${missing:-}" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else \
	    echo "The tests need these Debian packages; install them first: sudo apt-get install$$missing" >&2; exit 1; \
	fi
