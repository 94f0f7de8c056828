"""Members of zip files: whole, bounded by what they become, and one error for any damage."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from random import Random

import pytest

from perpkit.files.errors import FileError
from perpkit.files.zipped import unpacked
from tests.bench.damaged_files import PACKINGS, damaged, flipped, refusal, zipped
from tests.cases import SLOW, scaled

TEXT = b"".join(b"line %d\n" % n for n in range(40))
MOST = 1_000_000


def read(content: bytes, most: int = MOST) -> bytes:
    return unpacked(io.BytesIO(content), "x.zip", lambda names: names[0], most)


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_member_is_read(packing):
    assert read(zipped(TEXT, packing)) == TEXT
    assert read(zipped(TEXT, packing), len(TEXT)) == TEXT


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("every", [11, pytest.param(1, marks=SLOW)])
def test_no_single_bit_changes_what_is_read_unseen(packing, every):
    content = zipped(TEXT, packing)

    def same(changed: bytes) -> None:
        assert read(changed) == TEXT

    said = {refusal(same, each) for each in flipped(content, range(0, 8 * len(content), every))}
    assert all(each.startswith("x.zip: not a whole zip file: ") for each in said if each)
    assert len(said) > 1


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_damaged_member_is_the_one_error(packing):
    content = zipped(TEXT, packing)
    said = {refusal(read, damaged(content, Random(number))) for number in range(scaled(200))}
    assert all(each.startswith("x.zip: ") for each in said if each)
    assert len(said) > 1


def saying(content: bytes, size: int) -> bytes:
    """A zip whose headers state another size of the only member."""
    changed = bytearray(content)
    directory = content.index(b"PK\x01\x02")
    for at in (22, directory + 24):
        changed[at : at + 4] = size.to_bytes(4, "little")
    return bytes(changed)


@pytest.mark.parametrize("packing", [p for p in PACKINGS if p != "stored"])
@pytest.mark.parametrize("stated", [100, None])
def test_memory_is_bounded_by_what_is_unpacked(packing, stated):
    whole = zipped(bytes(60_000_000), packing)
    content = whole if stated is None else saying(whole, stated)
    assert len(content) < MOST
    tracemalloc.start()
    try:
        with pytest.raises(FileError, match=r"^x.zip: "):
            read(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < (12 if packing == "lzma" else 4) * MOST  # its dictionary has 8 MiB


def with_method(method: int) -> bytes:
    content = bytearray(zipped(TEXT, "deflate"))
    content[8] = content[content.index(b"PK\x01\x02") + 10] = method
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "File is not a zip file"),
        (zipped(TEXT, "deflate").replace(b"PK\1\2", b"PK\1\3"), "Bad magic number for central"),
        (with_method(99), r"packed in an unknown way \(method 99\)"),
        (saying(zipped(TEXT, "deflate"), 100), "day.csv is not what its checksum says"),
    ],
)
def test_what_is_wrong_is_said(content, message):
    with pytest.raises(FileError, match=f"^x.zip: not a whole zip file: {message}"):
        read(content)


def test_an_encrypted_member_is_refused():
    content = bytearray(zipped(TEXT, "stored"))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(FileError, match=r"encrypted, password required"):
        read(bytes(content))


def test_the_choice_may_refuse():
    def none(names):
        raise FileError("nothing of use")

    with pytest.raises(FileError, match=r"^nothing of use$"):
        unpacked(io.BytesIO(zipped(TEXT, "stored")), "x.zip", none, MOST)


def test_a_file_that_is_not_there_is_the_one_error(tmp_path):
    with pytest.raises(FileError, match="No such file"):
        unpacked(tmp_path / "x.zip", "x.zip", lambda names: names[0], MOST)
    with zipfile.ZipFile(tmp_path / "y.zip", "w"):
        pass
    with pytest.raises(FileError, match=r"y.zip: not a whole zip file: .*no member"):
        unpacked(tmp_path / "y.zip", "y.zip", lambda _: "no member", MOST)
