"""Correlation: the paper's formulas, what is not known, and no look-ahead."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.market.correlation import (
    BenchmarkCorrelation,
    PooledCorrelation,
    pooled_correlation,
    rolling_correlation,
    shrunk_correlation,
)
from tests.cases import cases

NAN = math.nan


def returns(rows: int, columns: int, common: float = 1.0, seed: int = 5) -> np.ndarray:
    """Returns with one common factor: mean correlation common^2 / (1 + common^2)."""
    rng = np.random.default_rng(seed)
    own = rng.standard_t(4, (rows, columns)) * 0.01
    return own + common * rng.standard_t(4, (rows, 1)) * 0.01


def by_the_paper(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Ledoit and Wolf (2004), appendix A, term by term, on returns of unit variance."""
    t, n = values.shape
    y = (values - values.mean(axis=0)) / values.std(axis=0)
    s = np.array([[sum(y[:, i] * y[:, j]) / t for j in range(n)] for i in range(n)])
    upper = [(i, j) for i in range(n) for j in range(i + 1, n)]
    mean = sum(s[i, j] / math.sqrt(s[i, i] * s[j, j]) for i, j in upper) * 2 / (n * (n - 1))
    f = np.array(
        [
            [s[i, i] if i == j else mean * math.sqrt(s[i, i] * s[j, j]) for j in range(n)]
            for i in range(n)
        ]
    )
    pi = rho = gamma = 0.0
    for i in range(n):
        for j in range(n):
            pi_ij = sum((y[:, i] * y[:, j] - s[i, j]) ** 2) / t
            pi += pi_ij
            gamma += (f[i, j] - s[i, j]) ** 2
            if i == j:
                rho += pi_ij
                continue
            cross = y[:, i] * y[:, j] - s[i, j]
            theta_i = sum((y[:, i] ** 2 - s[i, i]) * cross) / t
            theta_j = sum((y[:, j] ** 2 - s[j, j]) * cross) / t
            rho += mean / 2 * (theta_i + theta_j)
    weight = max(0.0, min((pi - rho) / gamma / t, 1.0))
    return weight * f + (1 - weight) * s, weight


@cases(200)
@given(
    rows=st.integers(10, 120),
    columns=st.integers(3, 6),
    common=st.floats(0, 3),
    seed=st.integers(0, 10_000),
)
def test_the_shrunk_matrix_is_that_of_the_paper(rows, columns, common, seed):
    sample = returns(rows, columns, common, seed) * np.geomspace(1, 50, columns)
    matrix, weight = shrunk_correlation(sample)
    expected, expected_weight = by_the_paper(sample)
    assert weight == pytest.approx(expected_weight, abs=1e-8)
    np.testing.assert_allclose(matrix, expected, atol=1e-8)
    assert (np.diag(matrix) == 1).all()
    assert np.linalg.eigvalsh(matrix).min() > -1e-9


def test_shrinking_moves_correlations_towards_the_mean_and_keeps_the_mean():
    sample = returns(60, 5)
    sample[:, :2] += 2 * returns(60, 1, seed=6)  # two that have something of their own
    raw = np.corrcoef(sample.T)[np.triu_indices(5, 1)]
    matrix, weight = shrunk_correlation(sample)
    shrunk = matrix[np.triu_indices(5, 1)]
    assert 0.01 < weight < 0.99
    assert shrunk.mean() == pytest.approx(raw.mean())
    np.testing.assert_allclose(shrunk - raw.mean(), (1 - weight) * (raw - raw.mean()))


def test_two_columns_have_nothing_to_shrink_towards():
    sample = returns(60, 2)
    matrix, weight = shrunk_correlation(sample)
    assert weight == 0
    np.testing.assert_allclose(matrix, np.corrcoef(sample.T))


@pytest.mark.real_data
def test_the_constant_target_forecasts_better_than_the_identity(real_datadir):
    """On real candles scikit-learn's Ledoit-Wolf, towards the identity, is low by about 0.09."""
    ledoit_wolf = pytest.importorskip("sklearn.covariance").ledoit_wolf
    closes = {
        pair: pd.read_feather(real_datadir / f"futures/{pair}_USDT_USDT-1h-futures.feather")
        for pair in ("BTC", "ETH", "XRP", "LTC", "ADA")
    }
    frame = pd.DataFrame({pair: c.set_index("date")["close"] for pair, c in closes.items()})
    values = np.log(frame).diff().dropna().to_numpy()
    upper = np.triu_indices(5, 1)
    errors, biases = [], []
    for i in range(100, len(values) - 100, 97):
        past, later = values[i - 100 : i], np.corrcoef(values[i : i + 100].T)[upper]
        unit = (past - past.mean(axis=0)) / past.std(axis=0)
        to_btc = dict(zip(frame.columns, np.corrcoef(past.T)[0], strict=True))
        one_factor = BenchmarkCorrelation(to_btc)
        guesses = {
            "sample": np.corrcoef(past.T)[upper],
            "constant": shrunk_correlation(past)[0][upper],
            "identity": ledoit_wolf(unit, assume_centered=True)[0][upper],
            "benchmark": np.array(
                [
                    one_factor.between(frame.columns[a], frame.columns[b])
                    for a, b in zip(*upper, strict=True)
                ]
            ),
        }
        errors.append({name: ((guess - later) ** 2).mean() for name, guess in guesses.items()})
        biases.append({name: (guess - later).mean() for name, guess in guesses.items()})
    error, bias = pd.DataFrame(errors).mean(), pd.DataFrame(biases).mean()
    assert error["constant"] < error["sample"] < error["identity"]
    assert error["benchmark"] < error["sample"]
    assert bias["identity"] < -0.08
    assert bias.drop("identity").abs().max() < 0.01


def test_pooled_reads_the_last_rows_only():
    old, new = returns(100, 3, seed=1), returns(100, 3, seed=2)
    frame = pd.DataFrame(np.vstack([old, new]), columns=["A", "B", "C"])
    pooled = pooled_correlation(frame)
    expected = shrunk_correlation(new)[0]
    assert pooled.between("A", "B") == expected[0, 1] == pooled.between("B", "A")
    assert pooled.between("C", "C") == 1
    assert pooled.between("A", "C") == expected[0, 2]


@pytest.mark.parametrize(
    ("spoil", "known"),
    [
        (lambda c: c.__setitem__(slice(None, 25), NAN), True),
        (lambda c: c.__setitem__(slice(None, 26), NAN), False),
        (lambda c: c.__setitem__(slice(None), NAN), False),
        (lambda c: c.__setitem__(slice(None), 0.0), False),
        (lambda c: c.__setitem__(slice(None), 0.001), False),
        (lambda c: c.__setitem__(3, math.inf), True),
    ],
)
def test_a_pair_with_too_little_to_go_by_is_unknown_and_spoils_no_other(spoil, known):
    values = returns(100, 4)
    spoil(values[:, 3])
    pooled = pooled_correlation(pd.DataFrame(values, columns=list("ABCD")))
    assert math.isnan(pooled.between("A", "D")) is not known
    assert math.isfinite(pooled.between("A", "B"))
    assert pooled.between("D", "D") == 1


@pytest.mark.parametrize(
    ("gaps", "unknown"),
    [
        ({"A": (0, 10), "B": (10, 20), "C": (20, 25)}, ""),  # 75 rows in common
        ({"A": (0, 10), "B": (10, 20), "C": (20, 30)}, "C"),  # of equal ones the last
        ({"A": (0, 11), "B": (11, 21), "C": (21, 31)}, "A"),  # the one that lacks most
        ({"A": (0, 20), "B": (0, 20), "C": (30, 40)}, "C"),  # two young pairs and a patchy one
        ({"A": (0, 25), "B": (25, 50), "C": (50, 75), "D": (75, 100)}, "B C D"),
    ],
)
def test_too_few_common_rows_cost_the_worst_pair_and_no_other(gaps, unknown):
    values = pd.DataFrame(returns(100, 5), columns=list("ABCDE"))
    for name, (first, last) in gaps.items():
        values.loc[first : last - 1, name] = NAN
    pooled = pooled_correlation(values)
    known = [name for name in "ABCD" if math.isfinite(pooled.between(name, "E"))]
    assert known == [name for name in "ABCD" if name not in unknown]
    assert pooled.between(*"EE") == 1


def test_a_pair_that_stands_still_in_the_common_rows_spoils_no_other():
    values = pd.DataFrame(returns(100, 3), columns=list("ABC"))
    values.loc[20:, "A"] = 0.0
    values.loc[:19, "B"] = NAN
    pooled = pooled_correlation(values)
    assert math.isnan(pooled.between("A", "C"))
    assert math.isfinite(pooled.between("B", "C"))


@pytest.mark.parametrize("rows", [0, 1, 74])
def test_little_history_is_unknown(rows):
    pooled = pooled_correlation(pd.DataFrame(returns(rows, 3), columns=list("ABC")))
    assert math.isnan(pooled.between("A", "B"))
    values = returns(rows, 2)
    assert np.isnan(rolling_correlation(values[:, 0], values[:, 1])).all()


def test_a_pair_nobody_has_heard_of_is_unknown():
    assert math.isnan(PooledCorrelation({}).between("A", "B"))
    assert math.isnan(BenchmarkCorrelation({"A": 0.5}).between("A", "B"))
    assert math.isnan(BenchmarkCorrelation({"A": 0.5, "B": NAN}).between("A", "B"))


@pytest.mark.parametrize(
    ("a", "b", "residual", "expected"),
    [
        (0.8, 0.5, 0.0, 0.40),
        (0.8, 0.6, 0.5, 0.48 + 0.5 * 0.6 * 0.8),
        (1.0, 0.7, 0.4, 0.70),  # the benchmark itself
        (-0.8, 0.6, 0.0, -0.48),
        (1.0, -1.0, 0.4, -1.0),
    ],
)
def test_correlation_by_way_of_the_benchmark(a, b, residual, expected):
    benchmark = BenchmarkCorrelation({"A": a, "B": b}, residual)
    assert benchmark.between("A", "B") == pytest.approx(expected)
    assert benchmark.between("A", "A") == 1


@cases(300)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=6), st.floats(0, 1))
def test_correlations_by_way_of_the_benchmark_fit_together(rhos, residual):
    names = [str(i) for i in range(len(rhos))]
    benchmark = BenchmarkCorrelation(dict(zip(names, rhos, strict=True)), residual)
    matrix = np.array([[benchmark.between(a, b) for b in names] for a in names])
    assert np.linalg.eigvalsh(matrix).min() > -1e-9
    assert np.abs(matrix).max() <= 1 + 1e-12


@cases(100)
@given(
    seed=st.integers(0, 10_000),
    missing=st.sets(st.integers(0, 149), max_size=40),
    window=st.integers(5, 100),
)
def test_each_row_is_the_correlation_of_its_window(seed, missing, window):
    values = returns(150, 2, seed=seed)
    values[list(missing), seed % 2] = NAN
    column = rolling_correlation(values[:, 0], values[:, 1], window)
    for row in range(150):
        seen = values[max(0, row - window + 1) : row + 1]
        seen = seen[~np.isnan(seen).any(axis=1)]
        if len(seen) < 0.75 * window:
            assert math.isnan(column[row])
        else:
            assert column[row] == pytest.approx(np.corrcoef(seen.T)[0, 1], abs=1e-9)


def test_future_candles_change_no_past_value():
    values = returns(400, 2)
    changed = values.copy()
    changed[300:] *= -7
    changed[350:] = NAN
    before = rolling_correlation(values[:300, 0], values[:300, 1])
    after = rolling_correlation(changed[:, 0], changed[:, 1])
    np.testing.assert_array_equal(before, after[:300])
    assert np.isfinite(before[99:]).all()


@pytest.mark.parametrize("still", [0.0, 0.001, 0.1])
def test_what_does_not_move_is_unknown(still):
    values = returns(300, 2)
    values[100:250, 0] = still
    column = rolling_correlation(values[:, 0], values[:, 1])
    assert np.isnan(column[199:250]).all()
    assert np.isfinite(column[250:]).all()
    assert np.isfinite(rolling_correlation(*(values * 1e-6).T)[250:]).all()
