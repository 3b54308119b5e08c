# make demo   the whole system on a simulated shop        make test   all tests
# make check  style, types, contracts, licences           make setup  the environment alone

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := demo
.PHONY: setup demo test test-rust test-python check

export UV_COMPILE_BYTECODE := 1
export UV_PYTHON_DOWNLOADS := never
# The same interpreter for every build of the binding, or Cargo compiles it anew each time.
export PYO3_PYTHON := $(CURDIR)/.venv/bin/python
# The relay's and the feed's tests run against the real server.
export NATS_SERVER := $(CURDIR)/.venv/bin/nats-server
export PATH := $(PATH):$(HOME)/.cargo/bin

BIN := .venv/bin
PACKAGES := cart_recovery pyserver dispatcher training audit loadtests
MANIFEST := --manifest-path rust_features/Cargo.toml

setup:
	@setup/rust.sh
	@if [ ! -d .venv ]; then echo "setup: building the engine and its environment, once: three or four minutes" >&2; fi
	@uv=$$(setup/uv.sh); \
	if ! $$uv sync --locked --all-extras --quiet; then \
	    echo "setup: the environment could not be made; the message stands above (Python 3.11 or newer is needed)" >&2; \
	    exit 1; \
	fi

demo: setup
	@$(BIN)/cart-recovery demo

test: test-rust test-python

test-rust: setup
	cargo test --locked $(MANIFEST) --workspace --quiet

test-python: setup
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m "not alone"
	$(BIN)/python -m pytest -m alone

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(PACKAGES) proto/generate.py
	$(BIN)/mypy docs/generate.py rust_features/fuzz/run.py
	$(BIN)/lint-imports --no-logo
	$(BIN)/python proto/generate.py --check
	$(BIN)/python docs/generate.py --check
	$(BIN)/buf lint proto
	setup/breaking.sh
	cargo fmt $(MANIFEST) --all --check
	cargo clippy --locked $(MANIFEST) --workspace --all-targets --quiet -- -D warnings
	$(BIN)/python -m pytest tests/tidy -q
