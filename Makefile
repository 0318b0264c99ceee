# `make audit` sets thornwall up here and audits this machine; `make test` sets up and runs every test.
# Both need nothing but a Debian machine (as root they install what is missing; else they say what is).

VENV := .venv
BIN := $(VENV)/bin
TARGET ?=
ARGS ?=
# files of lab tests at once: they mostly wait, for hosts that boot and for windows that end
LAB_WORKERS ?= 2

.PHONY: help audit test unit lab lint format bench docs clean test-vm test-faults
.DEFAULT_GOAL := help

help:
	@echo "make audit            audit this machine (TARGET=pi@host: that host, ARGS=…: more options)"
	@echo "make test             every test: lint, unit tests, and on a booted lab host where root may build it"
	@echo "make unit lint lab    each alone"
	@echo "make test-faults      300 random faults on random changes, on booted lab hosts (as root; takes half an hour)"
	@echo "make test-vm          power cuts and whole machines, in QEMU (as root; takes an hour)"
	@echo "make bench            compare with lynis and oscap on the lab host (as root; takes minutes)"
	@echo "make docs             rebuild the rule pages and pictures"

$(VENV)/.run: pyproject.toml tools/setup
	@tools/setup run $(VENV)
	@touch $@

$(VENV)/.dev: $(VENV)/.run tests/packages.txt
	@tools/setup dev $(VENV)
	@touch $@

audit: $(VENV)/.run
	@$(BIN)/thornwall audit $(TARGET) --fail-on never $(ARGS); status=$$?; \
	command -v thornwall >/dev/null || \
	echo "thornwall is $(BIN)/thornwall here: 'pipx install .' puts it on the PATH" >&2; exit $$status

test: lint unit lab

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.dev
	$(BIN)/pytest tests/unit -n auto --dist loadgroup

lab: $(VENV)/.dev
	@tools/setup lab $(VENV)
	$(BIN)/pytest tests/lab -n $(LAB_WORKERS) --dist loadfile

test-faults: $(VENV)/.dev
	@tools/setup lab $(VENV)
	THORNWALL_FAULT_CASES="$${THORNWALL_FAULT_CASES:-300}" $(BIN)/pytest tests/lab/test_random_faults.py

test-vm: $(VENV)/.dev
	@tools/setup vm $(VENV)
	THORNWALL_LAB_VM=1 THORNWALL_LAB_RELEASES="trixie bookworm" $(BIN)/pytest tests/lab/test_vm*.py

bench: $(VENV)/.dev
	@tools/setup lab $(VENV)
	$(BIN)/python -m bench

docs: $(VENV)/.dev
	$(BIN)/python -m tools.pages

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
