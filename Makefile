# On a fresh machine every target does its own set-up; all of them can be run again.
PYTHON ?= python3
VENV   ?= .venv
OLD    ?= .venv-older
OLDER_FREQTRADE ?= 2026.6
JOBS   ?= 2
EPISODES ?= 500

BIN = $(VENV)/bin
PIP = -m pip --disable-pip-version-check --quiet install

.PHONY: setup test lint contract soak demo clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) --editable '.[dev]'
	touch $@

# The Freqtrade of about three months ago, for the contract tests.
$(OLD)/.ready: pyproject.toml
	$(PYTHON) -m venv $(OLD)
	$(OLD)/bin/python $(PIP) 'freqtrade[hyperopt]==$(OLDER_FREQTRADE)' --editable '.[test]'
	touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Everything that touches Freqtrade in-process, on the older release; `test` has the newest.
contract: $(OLD)/.ready
	$(OLD)/bin/python -m pytest -n $(JOBS) tests/contract tests/bot tests/protections tests/pairlists

test: lint contract
	$(BIN)/python -m pytest -n $(JOBS)

# Seeded episodes of faults at the venue: how Freqtrade behaves in each. Minutes, not seconds.
soak: setup
	$(BIN)/python -m tests.soak --episodes $(EPISODES) --jobs $(JOBS)

demo: setup
	$(BIN)/python -m perpkit.ops.demo

clean:
	rm -rf $(VENV) $(OLD) .demo soak build dist
