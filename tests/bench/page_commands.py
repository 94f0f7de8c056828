"""How the tests run each command that README, CONTRIBUTING and docs/ print, or why they do not.

The one place for it: a command that a page prints and that is in no group below fails
tests/integration/test_page_commands.py, and so does one here that no page prints any more.
"""

from __future__ import annotations

from collections.abc import Mapping

# Copies of files that are beside the page.
COPIES = (
    "cp config.json.example config.json",
    "cp .env.example .env",
    "cp config.json.example user_data/config.json",
    "cp config.bybit.json.example config.json",
)

# In the folder of a reader who has candles and a configuration, in this order, with a part of what
# is printed.
BY_A_READER: Mapping[str, str] = {
    "freqtrade create-userdir --userdir user_data": "freqtrade",
    "perpkit doctor -c config.json --offline": "in order",
    "perpkit breakers replay --datadir user_data/data/binance --breaker all "
    "--timerange 20200301-20200401 --chart march.html": "entries of all pairs blocked",
    "perpkit breakers replay --datadir user_data/data/binance --timerange 20210501-20210601 "
    "--set CryptoVixBreaker.stressed_percentile=97 "
    "--set CryptoVixBreaker.stressed_release_percentile=95 --json": '"stressed',
    "freqtrade backtesting -c config.json --timerange 20250201-": "STRATEGY SUMMARY",
    "freqtrade backtesting -c config.json --timerange 20250201- "
    "--enable-protections": "STRATEGY SUMMARY",
    "ls user_data/backtest_results/*.zip": ".zip",
    "perpkit report LAST.zip --with THE_ONE_BEFORE.zip": ".html",
    "perpkit equity backtest-result-….zip --json": '"equity"',
    "perpkit compare LAST.zip THE_ONE_BEFORE.zip": "Sharpe ratio",
    "perpkit stress LAST.zip --model spread,floor_bps=2+square_root,impact=0.3 "
    "--model latency,ms=2000": "a side",
    "perpkit new protection WideHours": "WideHours.py",
    "perpkit parameters > docs/parameters.md": "",
}
# The same, by `make soak`.
LONGER: Mapping[str, str] = {
    "perpkit breakers replay --datadir user_data/data/binance "
    "--timerange 20210501-20210601": "intervals above calm",
    "perpkit data download -c config.json --days 30 --period 1h": "new readings of 5 pairs (1h)",
    "perpkit data status -c config.json": "BTC/USDT:USDT",
    "freqtrade backtesting --config config.json --enable-protections": "STRATEGY SUMMARY",
    "freqtrade backtesting -c config.json --enable-protections": "STRATEGY SUMMARY",
    "perpkit report user_data/backtest_results/backtest-result-….zip": ".html",
    "perpkit stress LAST.zip": "blocks of days",
    "freqtrade hyperopt -c config.json --strategy RsiSmaSwing --spaces buy sell protection "
    "--hyperopt-loss SharpeHyperOptLossDaily --enable-protections": "Best result",
    "freqtrade hyperopt -c config.json --strategy RsiSmaSwing --spaces buy sell "
    "--hyperopt-loss PerpHyperOptLoss --enable-protections": "Best result",
    "perpkit venue --write-datadir user_data/data/demo --start 2024-01-01 --days 365": "files in",
    # From the exchange; here from the venue.
    "freqtrade download-data -c config.json --timerange 20240101- -t 1h": "BTC/USDT:USDT",
    "freqtrade download-data -c config.json --timerange 20250101- -t 1h": "BTC/USDT:USDT",
}
# They go on until they are ended, each in a folder that holds nothing but the configuration: a
# part of what is printed once they run.
ONGOING: Mapping[str, str] = {
    "freqtrade webserver -c config.json": "Uvicorn running",
    "freqtrade trade -c config.json": "Bot heartbeat",
    "perpkit venue": "venue listening",
    "perpkit venue --port 0 --overlay /tmp/venue.json": "venue listening",
    "perpkit venue --count 200": "venue listening",
    'perpkit venue --tls --live --overlay live.json --pairs "BTC/USDC:USDC ETH/USDC:USDC" '
    "--account rehearsal:rehearsal:10000USDC": "venue listening",
    'perpkit venue --pairs "BTC/USDT:USDT BTC/USDC:USDC XAU/USDT:USDT '
    '币安人生/USDT:USDT"': "venue listening",
}

# In the rehearsal of docs/getting-started.md, by `make soak`: the commands of its section 4 as the
# page has them, then these, while its bot trades.
REHEARSAL = "## 4. Rehearse, and see a halt"
BESIDE_A_BOT: Mapping[str, str] = {
    "perpkit state": "TrendFollowing, live, running",
    "perpkit state -c config.json -c private.json": "TrendFollowing, live, running",
    "perpkit state --db-url sqlite:///tradesv3.sqlite --json": '"journal"',
    "perpkit why": "ETH/USDT:USDT",
    "perpkit why BTC": "BTC/USDT:USDT",
    "perpkit why BTC/USDT:USDT 2026-03-02T10:05": "BTC/USDT:USDT",
    "perpkit why BTC --kind exited": "a halt",
    "perpkit why --by-reason --since 2026-03-01": "halted",
    "perpkit why BTC --all --since 2026-03-01": "entered",
    "perpkit journal --open": "There is no such order",
    "perpkit journal --pair BTC/USDT:USDT -n 5": "BTC/USDT:USDT",
    "perpkit doctor": "in order",
    "perpkit doctor -c config.json": "in order",
    "perpkit doctor -c config.json -c live.json": "in order",
    "perpkit doctor -c config.json --capital 200": "200 USDT",
    "perpkit doctor -c config.json --json": '"findings"',
    "perpkit report tradesv3.dryrun.sqlite --starting-balance 1000": ".html",
    "curl -X POST localhost:8900/control/faults -H 'Content-Type: application/json' -d '{\"kind\": "
    '"response_lost", "endpoint": "POST /fapi/v1/order", "times": 1}\'': "response_lost",
    "perpkit stop --preview": "a preview, nothing was sent",
    "perpkit stop": "HALTED",
    'perpkit stop -c config.json -c private.json --why "feed is wrong"': "HALTED",
    "perpkit stop --everything": "HALTED",
}
# The same, after its bot has ended.
AFTER_A_BOT: Mapping[str, str] = {
    "perpkit doctor -c config.json --prune 90d": "",
    "perpkit adopt -c config.json": "",
    "perpkit adopt --config config.json": "",
}

# What is not run as it is printed: why, and which tests do what it does.
NOT_RUN: Mapping[str, tuple[str, ...]] = {
    "the package registry; make sets up the environments of all tests": (
        "pip install .",
        "pip install '.[report]'",
        "pip install 'perpkit[report]'",
        "pip install 'perpkit[ray]'",
        "pip install 'perpkit[ai]'",
        "pip install 'perpkit[research]'",
        "pip install 'perpkit[lstm]'",
        "pip install 'perpkit[rl]'",
        "pip install torch --index-url https://download.pytorch.org/whl/cpu",
        "python3 -m venv .venv && . .venv/bin/activate",
        ". .venv/bin/activate",
        "make setup",
    ),
    "the package registry; tests/ops/upgrade, tests/integration/test_upgrade_rehearsal.py": (
        "perpkit doctor --upgrade 2026.9",
    ),
    "the internet": (
        "git clone <this repository> && cd perpkit",
        "freqtrade install-ui",
    ),
    "a container engine; tests/test_containers.py reads the files": (
        "docker compose up -d",
        "docker compose --profile live up -d freqtrade",
        "mkdir -m 700 secrets && openssl rand -base64 24 > secrets/grafana_password && chmod 644 "
        "secrets/grafana_password",
        "docker compose --profile monitoring up -d",
        "docker compose --profile venue up -d",
        "docker compose --profile webhook up -d",
        "docker compose run --rm dry-run download-data -c user_data/config.json "
        "--timerange 20250101- -t 1h",
        "docker compose run --rm dry-run backtesting -c user_data/config.json --enable-protections",
        "docker compose run --rm dry-run plot-dataframe -c user_data/config.json -p BTC/USDT:USDT",
        "docker compose run --rm --entrypoint perpkit dry-run report "
        "user_data/backtest_results/LAST.zip --out user_data/report.html",
    ),
    "a keyring and a key of the exchange; tests/ops/keys has both at the venue": (
        "perpkit keys store",
        "perpkit keys check --stored -c config.json",
        "perpkit keys exec -- freqtrade trade -c config.json",
        "perpkit keys rotate -c config.json",
    ),
    "a password that is typed; tests/ops/test_resume.py": ('perpkit resume --why "feed is back"',),
    "a server that runs until it is ended; tests/ops/metrics": (
        "perpkit metrics -c user_data/config.json",
        "perpkit metrics -c long.json -c short.json,private.json",
        "perpkit metrics --db-url sqlite:///tradesv3.sqlite",
    ),
    "a server that runs until it is ended; tests/integration/test_webhook.py": (
        "export PERPKIT_WEBHOOK_SECRET=...",
        "perpkit webhook -c user_data/config.json --allow 52.89.214.238 --allow 34.212.75.30",
    ),
    "hours, or a cluster; tests/integration/test_walkforward.py": (
        "perpkit walkforward -c config.json --strategy RsiSmaSwing --timerange 20210101-20240101 "
        "--train 12m --test 3m --epochs 100 --spaces buy,sell",
        "perpkit walkforward -c config.json --timerange 20210101-20240101 --engine ray --jobs 8 "
        "--address auto",
    ),
    "two years of candles; tests/walkforward/test_asked.py has a month": (
        "perpkit walkforward -c config.json -c momentum.json --strategy Confluence "
        "--timerange 20210101-20230101 --budget momentum",
    ),
    "several bots at once; tests/integration/test_fleet.py": (
        "perpkit fleet pairs fleet.toml",
        "perpkit fleet watch fleet.toml",
        "perpkit fleet status fleet.toml",
        "perpkit fleet report fleet.toml",
        "perpkit fleet metrics fleet.toml",
        'perpkit fleet stop fleet.toml --why "feed is wrong"',
    ),
    "several accounts in a file; tests/ops/stop": ("perpkit stop --accounts accounts.toml",),
    "minutes, a run of its own; tests/ops/test_demo.py has its parts": (
        "make demo",
        "make demo-ai",
    ),
    "a year of candles to train on; tests/bot/hybrid has a month": (
        "cp config.freqai.json.example config.freqai.json",
        "freqtrade backtesting -c config.json -c config.freqai.json --timerange 20230101-20240101",
        "freqtrade trade -c config.json -c config.freqai.json",
    ),
    "an account in credits mode; tests/integration/test_credits.py": (
        "cp config.credits.json.example config.credits.json",
        "freqtrade trade -c config.json -c config.credits.json",
    ),
    "a walk-forward, or a table of returns; tests/walkforward/test_verdict.py": (
        "perpkit verdict user_data/walkforward/MyStrategy",
        "perpkit verdict RETURNS.csv",
        "perpkit verdict strategy_MyStrategy_….fthypt",
    ),
    "sealed days, which a walk-forward looks at; tests/integration/test_holdout.py": (
        "perpkit holdout seal 20230701-20240101",
        "perpkit walkforward -c config.json --strategy MyStrategy "
        "--timerange 20230701-20240101 --look",
    ),
    "a decision log, which a backtest writes on request; tests/integration/test_why.py": (
        "perpkit why BTC --backtest RsiSmaSwing",
    ),
    "the venue with 40 contracts; tests/integration/test_attached_live.py has fewer": (
        "perpkit venue --tls --live --count 40 --days 120 --overlay live.json",
        "perpkit doctor -c config.json -c attach.json -c live.json",
        "freqtrade trade -c config.json -c attach.json -c live.json",
        "freqtrade download-data -c config.json -c pairs.json -c live.json -t 1h 4h --days 40",
        "freqtrade backtesting -c config.json -c attach.json -c pairs.json -c live.json "
        "--enable-protections",
        "freqtrade backtesting -c config.json -c pairs.json -c live.json",
    ),
    "the two commands of the rehearsal without its limit; tests/integration/test_rehearsal.py": (
        "freqtrade trade -c config.json -c live.json",
        "freqtrade trade -c config.json.example -c config.venue.json",
    ),
    "a bot and a backtest of the same time; tests/report/test_twins_command.py": (
        "perpkit compare --live tradesv3.sqlite --backtest LAST.zip",
    ),
    "a month of dry-run, its backtest and a rehearsal; tests/integration/test_golive.py": (
        "perpkit golive -c config.json --live tradesv3.dryrun.sqlite "
        "--backtest user_data/backtest_results/backtest-result-….zip "
        "--rehearsal live.rehearsal/rehearsal-….json",
    ),
    "a result of hyperopt with 20 epochs; tests/report/test_plateau_command.py": (
        "perpkit plateau strategy_RsiSmaSwing_….fthypt",
        "perpkit report LAST.zip --hyperopt strategy_RsiSmaSwing_….fthypt",
    ),
    "tests, or what measures them": (
        "make lint",
        "make test",
        "make soak",
        "make fuzz",
        "make compat",
        "make compat COMPAT=--continue",
        "make release-check",
        "make bench",
        "make bench BENCH=acceleration",
        "make bench BENCH=webhook",
        'make bench BENCH="full_stack growth_trades --rounds 5"',
        "make bench BENCH=--quick",
        "make bench-ai",
        "make bench-ai MODELS=LightGbmTripleBarrier",
        "python -m tests.soak --bot guarded --episodes 100",
        "python -m tests.soak --first 287 --episodes 1",
        "make endurance",
        "python -m tests.endurance --days 10 --throttle 5",
        "python -m tests.endurance --days 30 --throttle 60",
        "python -m tests.venue.fields_page",
        "python -m pytest tests/market",
        "python -m pytest tests/breakers/test_wide_hours.py "
        "tests/protections/test_every_breaker.py "
        'tests/ops/test_parameters.py -k "wide_hours or WideHours or document"',
        'python -m pytest tests/pairlists -k "daily_range or DailyRangeFilter"',
        "python -m pytest tests/signals/test_streaks.py",
        "python -m pytest tests/venue/test_fields.py tests/venue/http/test_historical_trades.py",
        "git worktree add --detach /tmp/base BASE",
        "PYTHONPATH=/tmp/base .venv/bin/python -m benchmarks.same_behaviour --out /tmp/before",
        "PYTHONPATH=$PWD .venv/bin/python -m benchmarks.same_behaviour --out /tmp/after",
        ".venv/bin/python -m benchmarks.same_behaviour --compare /tmp/before /tmp/after",
        '.venv-clients/bin/python -m pytest tests/clients/test_sdk.py -k "query_order"',
    ),
}

# What a reader puts in the place of an example, in the folders of these tests.
EXAMPLES: Mapping[str, str] = {
    "20200301-20200401": "20250301-20250401",
    "20210501-20210601": "20250501-20250530",
    "tradesv3.dryrun.sqlite": "live.rehearsal/live.sqlite",
    "tradesv3.sqlite": "live.rehearsal/live.sqlite",
    "2026-03-02T10:05": "2036-03-02T10:05",
    "localhost:8900": "https://127.0.0.1:8900",
    "curl -X": "curl -k -X",
    "/tmp/venue.json": "venue.json",
    "--spaces buy sell protection": "--spaces buy --epochs 2 -j 1",
    "--spaces buy sell": "--spaces buy --epochs 2 -j 1",
}
