# On a fresh machine every target does its own set-up; all of them can be run again.
PYTHON ?= python3
VENV   ?= .venv
OLD    ?= .venv-older
CLIENTS ?= .venv-clients
NAUTILUS ?= .venv-nautilus
FUZZ   ?= .venv-fuzz
AI     ?= .venv-ai
RELEASE ?= .venv-release
# The build for processors; PyPI's brings 2 GB for graphics cards.
TORCH  ?= torch --index-url https://download.pytorch.org/whl/cpu
# nautilus_trader needs Python 3.12 or newer.
NEWER_PYTHON ?= $(lastword python3.12 $(wildcard $(HOME)/.pyenv/versions/3.1[23].*/bin/python))
OLDER_FREQTRADE ?= 2026.6
JOBS   ?= 2
# Tests wait for processes and for the venue half of their time: three keep two cores busy.
WORKERS ?= 3
EPISODES ?= 500
STOPS ?= 100
ENDURED ?= 60
MUTANTS ?= 300
SEED ?= 1
# Benchmarks by name, and options; all of them by default.
BENCH ?=
# Of HybridAi, for bench-ai, and how many variants were tried on its days.
MODELS ?= LightGbmTripleBarrier LstmTripleBarrier Ensemble PpoAgents
IDEAS  ?= 362
# Options of the matrix.
COMPAT ?=

BIN = $(VENV)/bin
PIP = -m pip --disable-pip-version-check --quiet install
# A module stays in one process, for what its tests share.
PYTEST = -m pytest -n $(WORKERS) --dist loadscope
# Hundreds of processes are started, each of which would compile all modules.
test contract soak: export PYTHONDONTWRITEBYTECODE =

.PHONY: setup test lint contract compat release-check clients nautilus fuzz prometheus postgres \
	endurance test-ai soak mutants bench bench-ai demo demo-ai clean

setup: $(VENV)/.ready

# 130 is Ctrl-C, of which the command has said its line; the shell must live for make to say nothing.
$(VENV)/.ready: pyproject.toml
	@echo "Setting up $(VENV): some minutes, once"
	@$(PYTHON) -m venv $(VENV)
	@trap : INT; $(BIN)/python -m perpkit.ops.setting_up --editable '.[dev]' && touch $@ || test $$? -eq 130

# The Freqtrade of about three months ago, for the contract tests.
$(OLD)/.ready: pyproject.toml
	$(PYTHON) -m venv $(OLD)
	$(OLD)/bin/python $(PIP) 'freqtrade[hyperopt]==$(OLDER_FREQTRADE)' --editable '.[test]'
	touch $@

# Clients that know nothing of Perpkit; what they depend on stays out of the other environments.
$(CLIENTS)/.ready: pyproject.toml
	$(PYTHON) -m venv $(CLIENTS)
	$(CLIENTS)/bin/python $(PIP) --editable '.[clients]'
	touch $@

# A trader of its own, of which the venue needs nothing.
$(NAUTILUS)/.ready:
	$(NEWER_PYTHON) -m venv $(NAUTILUS)
	$(NAUTILUS)/bin/python $(PIP) 'nautilus_trader>=1.230,<2'
	touch $@

# The same for schemathesis, which pytest would load in every run.
$(FUZZ)/.ready: pyproject.toml
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/python $(PIP) --editable '.[fuzz]'
	touch $@

# PyTorch and Stable-Baselines3, which nothing else of Perpkit needs.
$(AI)/.ready: pyproject.toml
	$(PYTHON) -m venv $(AI)
	$(AI)/bin/python $(PIP) $(TORCH)
	$(AI)/bin/python $(PIP) --editable '.[test,rl]'
	touch $@

# uv, build and twine, which nothing of Perpkit needs.
$(RELEASE)/.ready: pyproject.toml
	$(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/bin/python $(PIP) --editable '.[contract,release]'
	touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Every seam of Freqtrade on the older release, and what replaces or wraps parts of Freqtrade there;
# `test` has the newest, and more cases of each property, `make soak` the rest on the older.
contract: $(OLD)/.ready
	CASES_FACTOR=0.2 $(OLD)/bin/python $(PYTEST) tests/contract tests/protections \
		$(addprefix tests/bot/,acceleration live loading positions)

# Every Freqtrade from the newest to our floor, and the newest on each Python: contracts and a short
# rehearsal in each. COMPAT=--continue goes on where an earlier run has ended.
compat: $(RELEASE)/.ready
	$(RELEASE)/bin/python -m tests.compat $(COMPAT)

# Wheel and sdist: contents, metadata, and tests with the installed wheel outside of this checkout.
release-check: $(RELEASE)/.ready
	$(RELEASE)/bin/python -m tests.release

# python-binance, the exchange's own SDK and ccxt, against the venue: what they parse.
clients: $(CLIENTS)/.ready
	$(CLIENTS)/bin/python $(PYTEST) tests/clients

# nautilus_trader's Binance futures adapter trades at the venue, and agrees with it after a cut.
nautilus: setup $(NAUTILUS)/.ready
	NAUTILUS_PYTHON=$(NAUTILUS)/bin/python $(BIN)/python -m pytest -n 0 tests/nautilus

# A real Prometheus (Debian's package) scrapes `perpkit metrics` while a bot runs at the venue.
prometheus: setup
	REQUIRED=1 $(BIN)/python -m pytest -n 0 tests/prometheus

# A live bot on a real PostgreSQL (Debian's package), and the commands that read it.
postgres: setup
	$(BIN)/python $(PIP) --editable '.[postgres]'
	REQUIRED=1 $(BIN)/python -m pytest -n 0 tests/postgres

# schemathesis and floods against `perpkit webhook` on the loopback, half a minute.
fuzz: $(FUZZ)/.ready
	$(FUZZ)/bin/python -m pytest -n 0 tests/fuzz

# The models that need PyTorch, which `test` and `soak` skip; then each of them in a running bot.
test-ai: $(AI)/.ready
	$(AI)/bin/python $(PYTEST) tests/learning tests/bot/hybrid tests/test_hybrid_benchmark.py
	$(AI)/bin/python $(PYTEST) -m slow tests/integration/test_hybrid_live.py

# Both environments, and what runs in each, at a time: set-up and types keep one core busy each.
test:
	$(MAKE) --jobs 2 lint contract
	CASES_FACTOR=0.5 $(BIN)/python $(PYTEST)

# Hours, not minutes: the longer tests, every property with forty times the cases, and seeded
# episodes of faults at the venue: how a guarded bot behaves in each, beside Freqtrade alone.
soak: setup $(OLD)/.ready
	$(BIN)/python $(PYTEST) -m slow
	CASES_FACTOR=0.2 $(OLD)/bin/python $(PYTEST) tests/bot tests/pairlists
	CASES_FACTOR=20 $(BIN)/python $(PYTEST) --timeout 1800 \
		tests/bot tests/breakers tests/execution tests/market tests/risk tests/signals tests/venue \
		tests/integration/test_signals.py
	$(BIN)/python -m tests.soak --bot guarded --episodes $(EPISODES) --jobs $(JOBS)
	$(BIN)/python -m tests.emergency --runs $(STOPS) --jobs $(JOBS) --out soak/emergency.jsonl
	$(BIN)/python -m tests.targets --jobs $(JOBS) --out soak/targets.jsonl
	$(MAKE) endurance

# Virtual days of a live bot with faults of every kind: whether memory, files or log grow. Each run
# ends after ENDURED minutes, and says how many days those were; without a bound: docs/soak.md. A
# judgement takes nine samples, and in an hour a slow machine comes through two days at 5 s.
endurance: setup
	$(BIN)/python -m tests.endurance --days 10 --throttle 5 --seed $(SEED) --minutes $(ENDURED) --sampled 6
	$(BIN)/python -m tests.endurance --days 30 --throttle 60 --seed $(SEED) --minutes $(ENDURED) --sampled 6

# Half an hour: how many of so many small mistakes in risk, breakers and execution the tests notice.
mutants: setup
	mkdir -p soak
	$(BIN)/python -m benchmarks.mutants --sample $(MUTANTS) --seed $(SEED) --out soak/mutants.jsonl

# Some three hours: what backtests, hyperopt and live cycles cost, stock and accelerated, as tables and
# JSON. `make bench BENCH=acceleration` runs one; `--quick` in BENCH sees that all of it works.
bench: setup
	$(BIN)/python -m benchmarks.bench $(BENCH) --json bench/bench.json

# Hours, most of them for the agents: what each model of HybridAi earned on the real candles, and the
# daily returns of each row with a model as a table, and as another one less those of the rules: what
# the models have added, on which the verdict is. IDEAS are those of perpkit/research/research-log.toml:
# 343 of the rules, and 19 of models with the twelve of this table.
bench-ai: $(AI)/.ready
	$(AI)/bin/python -m benchmarks.hybrid_ai --folder bench/hybrid_ai --returns bench/hybrid_ai.csv \
		--added bench/hybrid_ai_added.csv --model $(MODELS)
	$(AI)/bin/python -m perpkit.cli verdict bench/hybrid_ai_added.csv --ideas $(IDEAS)

demo: setup
	@trap : INT; $(BIN)/python -m perpkit.ops.demo || test $$? -eq 130

# Some minutes: a model of HybridAi is trained each month of a synthetic year, and traded.
demo-ai: setup
	@trap : INT; $(BIN)/python -m perpkit.ops.demo_ai || test $$? -eq 130

clean:
	rm -rf $(VENV) $(OLD) $(CLIENTS) $(NAUTILUS) $(FUZZ) $(AI) $(RELEASE) .demo compat soak bench \
		build dist
