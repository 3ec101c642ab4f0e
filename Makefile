# Thin names for the real commands. `make help` lists them.
VENV    := .venv
PYTHON  ?= python3
BIN     := $(VENV)/bin
LOCK    := requirements/dev.lock
STAMP   := $(VENV)/.installed
SCENARIO ?= cost siprec

.PHONY: help build demo test test-rust test-python check format lint types contracts stubs rust-lint rust-test pytest peers test-peers bench docs lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(STAMP): $(LOCK)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	touch $@

build: $(STAMP) ## .venv and the Rust core in it
	PIP_QUIET=1 VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --locked --quiet

demo: build ## one real call on loopback: answered, forked, bridged, stopped
	$(BIN)/bridgetap demo

test: build peers ## everything CI runs
	+@$(MAKE) --no-print-directory --jobs=2 test-rust test-python

# Beside the Python tests, which mostly wait; whatever those need is served first.
test-rust:
	+@nice -n 19 $(MAKE) --no-print-directory --jobs=1 rust-lint rust-test

test-python: lint types contracts stubs pytest

check: lint types contracts stubs rust-lint ## format, lint, types, contracts: no test is run

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

contracts: $(STAMP)
	PYTHONPATH=src $(BIN)/lint-imports

stubs: build
	$(BIN)/python -m mypy.stubtest bridgetap._engine

rust-lint:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --quiet -- -D warnings

rust-test: $(STAMP)
	cargo test --locked --workspace --exclude bridgetap-python --quiet

# Two at a time, for most of them wait for something; a file stays together, for what it sets up. At last those that
# need the machine for themselves.
pytest: build
	$(BIN)/pytest -rs --numprocesses=2 --dist=loadfile -m "not alone"
	$(BIN)/pytest -rs -m alone

peers: # programs of others: installed as root in CI, otherwise only named
	@tests/interop/peers.sh $(if $(and $(filter true,$(CI)),$(filter 0,$(shell id -u))),install,report)

test-peers: ## install the programs that the interop tests talk to (Debian, root; Node's ws; .venv-peers)
	@tests/interop/peers.sh install

bench: build ## cost per call beside a bare floor, then per packet copied to a recorder, 14 minutes; SCENARIO=ramp and others: docs/performance.md
	@for scenario in $(SCENARIO); do $(BIN)/python -m bench $$scenario || exit 1; done

format: $(STAMP) ## rewrite the sources as `make lint` wants them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cargo fmt --all

lock: ## requirements/*.lock from pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements/runtime.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --group checks -o requirements/dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group pyproject.toml:peers -o requirements/peers.lock

clean: ## all that was built
	rm -rf $(VENV) .venv-peers tests/interop/peers/ws/node_modules target build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache src/bridgetap/_engine*.so
