# Everything here needs Python 3.11+ and make, nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help setup demo test lint format lock bench picture clean

help:            ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(VENV)/.dev  ## create .venv with everything (locked, with hashes)

demo: $(VENV)/.demo  ## open the demo: a local Slack, a simulated AWS, the real bot
	@$(BIN)/patchbot demo $(ARGS)

test: lint       ## lint, then every test
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(ARGS)

lint: $(VENV)/.dev   ## ruff, mypy strict, import rules, documents that must match the code
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make format'"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m bot.documents --check

format: $(VENV)/.dev ## format the code and write the generated documents
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/python -m bot.documents

bench: $(VENV)/.dev  ## the speed targets, measured on this machine
	@$(BIN)/python -m benchmarks all

picture: $(VENV)/.dev  ## docs/status.png anew, from the demo (needs Chromium)
	@$(BIN)/python -m pytest tests/browser/test_patchbot.py -k numbers_of_the_fleet
	@cp build/screenshots/patchbot-status.png docs/status.png

lock: $(VENV)/.dev   ## make requirements/*.txt anew from pyproject.toml (needs uv)
	requirements/lock

clean:           ## remove .venv, caches and build output
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "patchbot needs Python 3.11 or newer; this is %s. Try: make PYTHON=python3.12" % sys.version.split()[0])'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing patchbot into $(VENV) (once, about half a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/demo.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing patchbot and its test tools into $(VENV) (once, about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.demo
