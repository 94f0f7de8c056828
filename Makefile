# On a fresh machine every target does its own set-up; all of them can be run again.
PYTHON ?= python3
VENV   ?= .venv
OLD    ?= .venv-older
OLDER_FREQTRADE ?= 2026.6
JOBS   ?= 2

BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet install

.PHONY: setup test lint contract demo clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) --editable '.[dev]'
	touch $@

# The Freqtrade of about three months ago, for the contract tests.
$(OLD)/.ready: pyproject.toml
	$(PYTHON) -m venv $(OLD)
	$(OLD)/bin/python -m pip --disable-pip-version-check --quiet install --upgrade pip
	$(OLD)/bin/python -m pip --disable-pip-version-check --quiet install \
	    'freqtrade[hyperopt]==$(OLDER_FREQTRADE)' pytest pytest-timeout pytest-xdist hypothesis httpx --editable .
	touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

contract: $(OLD)/.ready
	$(OLD)/bin/python -m pytest -q -m contract tests/contract

test: lint contract
	$(BIN)/python -m pytest -n $(JOBS)

demo: setup
	$(BIN)/python -m perpkit.ops.demo

clean:
	rm -rf $(VENV) $(OLD) .demo build dist
