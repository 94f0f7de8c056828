"""Feather files: a checksum against every single bit, and one error for any damage."""

from __future__ import annotations

import io
from random import Random

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather

from perpkit.files import feather as files
from perpkit.files.errors import FileError
from perpkit.files.feather import frame_of, sealed
from tests.bench.damaged_files import COMPRESSIONS, arrow, damaged, flipped, readings, refusal
from tests.cases import SLOW, scaled

NAME = "x.feather"


def same(found: pd.DataFrame, expected: pd.DataFrame) -> bool:
    return found.equals(expected) and list(found.dtypes) == list(expected.dtypes)


def test_a_sealed_file_is_a_feather_file_like_any_other():
    content = sealed(readings())
    assert content.count(b"perpkit-sha256:") == 2
    assert same(frame_of(content, NAME), readings())
    assert same(pd.read_feather(io.BytesIO(content)), readings())


def test_no_single_bit_of_a_sealed_file_can_change():
    content = sealed(readings(3))
    for changed in flipped(content):
        with pytest.raises(FileError, match=r"^x.feather: "):
            frame_of(changed, NAME)


def test_a_file_cut_anywhere_is_refused():
    content = sealed(readings(3))
    for length in range(0, len(content), 7):
        with pytest.raises(FileError, match=r"^x.feather: cannot be read as feather"):
            frame_of(content[:length], NAME)


def test_a_sealed_file_that_another_program_rewrote_is_read():
    rewritten = arrow(frame_of(sealed(readings()), NAME))
    assert b"perpkit-sha256" not in rewritten
    assert same(frame_of(rewritten, NAME), readings())


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("every", [97, pytest.param(1, marks=SLOW)])
def test_a_bit_without_a_checksum_leads_to_the_one_error_or_to_a_table(compression, every):
    content = arrow(readings(3), compression)
    changed = flipped(content, range(0, 8 * len(content), every))
    said = {refusal(lambda c: frame_of(c, NAME), each) for each in changed}
    assert all(each.startswith(NAME) and "\n" not in each for each in said if each)
    assert len(said) > 1


@pytest.mark.parametrize("kind", ["text", "category"])
def test_damaged_texts_do_not_reach_pandas(kind):
    """Offsets of texts and numbers of categories that lead elsewhere crash the process there."""
    frame = pd.DataFrame({"symbol": ["BTCUSDT", "ETHUSDT"] * 8})
    content = arrow(frame if kind == "text" else frame.astype("category"), "uncompressed")
    for number in range(scaled(300)):
        try:
            found = frame_of(damaged(content, Random(number)), NAME)
        except FileError:
            continue
        for column in found:
            found.groupby(column, observed=True).size()


def test_two_columns_of_one_name_are_refused():
    table = pa.table([[1], [2]], names=["a", "a"])
    with pytest.raises(FileError, match=r"^x.feather: column a is there twice"):
        frame_of(arrow(table), NAME)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_what_becomes_too_large_is_refused_before_it_does(monkeypatch, compression):
    content = arrow(pd.DataFrame({"a": np.zeros(300_000)}), compression)
    assert len(frame_of(content, NAME)) == 300_000
    monkeypatch.setattr(files, "MOST_BYTES", 2_000_000)
    monkeypatch.setattr(feather, "read_table", None)  # it is not called
    with pytest.raises(FileError, match=r"^x.feather: must have at most 2,000,000 bytes unpacked"):
        frame_of(content, NAME)


def test_categories_count_as_well(monkeypatch):
    texts = pd.Series([f"{n:0200}" for n in range(10_000)], dtype="category")
    content = arrow(pd.DataFrame({"a": texts}), "zstd")
    monkeypatch.setattr(files, "MOST_BYTES", 1_000_000)
    with pytest.raises(FileError, match=r"unpacked, has 2,\d\d\d,\d\d\d"):
        frame_of(content, NAME)
