# `make help` lists what there is. PYTHON chooses the interpreter the environment is made with (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
# What `make test` installs. CI gives the lock file with its hashes instead.
DEV ?= -r requirements-dev.txt

.DEFAULT_GOAL := help
.PHONY: help run test lint bench drills audit

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*  ## /\1	/p' Makefile

run: .venv/run.stamp  ## start webadmin; installs what is missing first
	@exec $(BIN)/python run.py

test: .venv/dev.stamp  ## run every test that this machine can run, on all cores
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

lint: .venv/dev.stamp  ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: .venv/dev.stamp  ## measure; see benchmarks/
	@$(BIN)/python -m benchmarks

drills: .venv/dev.stamp  ## kill, fill, flood, fail over and jump the clock, at full length (40 minutes); as root also small disks
	@WEBADMIN_DRILLS=full $(BIN)/python -m pytest -s tests/drills $(ARGS)

audit: .venv/dev.stamp  ## tools that no one here wrote: known holes, attacks, HTML, headers; TOOLS=semgrep,wapiti chooses
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.audit $(TOOLS)

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "webadmin needs Python 3.11 or newer. If you have one beside this: make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv module is missing. On Debian and Ubuntu, as root: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv

.venv/run.stamp: requirements.txt .venv/bin/python
	@echo "Installing into .venv ..."
	@$(PIP) -r requirements.txt
	@$(BIN)/python -m compileall -q run.py webadmin
	@touch $@

.venv/dev.stamp: requirements-dev.txt requirements.txt .venv/bin/python
	@echo "Installing what the tests and checks need into .venv ..."
	@$(PIP) $(DEV) || { echo "The packages of requirements-dev.txt could not be installed." \
		"The tests that need none of them: make run once, end it, then $(BIN)/python -m pytest" >&2; exit 1; }
	@touch $@ .venv/run.stamp
