"""Feather files with a checksum, and the reading of any feather file without trust in it.

The checksum is the SHA-256 of the whole file, taken with zeros in its place. It stands in the
schema's metadata, of which Arrow keeps a copy at each end of the file, so that other programs read
these files as any other. A file without one is read and checked as far as its format allows.
"""

from __future__ import annotations

import hashlib
import re

import pandas as pd
import pyarrow as pa
from pyarrow import feather

from perpkit.files.arrow_sizes import unpacked_size
from perpkit.files.errors import FileError

MOST_BYTES = 1 << 30  # unpacked; seven years of 5-minute readings have 40 MiB
_KEY, _PREFIX = "perpkit", b"perpkit-sha256:"
_ZEROS = _PREFIX + b"0" * 64
_SEAL = re.compile(_PREFIX + rb"[0-9a-f]{64}")


def sealed(frame: pd.DataFrame, compression_level: int | None = None) -> bytes:
    """Returns a table as the content of a feather file with a checksum."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: _ZEROS})
    sink = pa.BufferOutputStream()
    feather.write_feather(table, sink, "lz4", compression_level=compression_level)
    content: bytes = sink.getvalue().to_pybytes()
    return content.replace(_ZEROS, _seal(content, list(_SEAL.finditer(content))))


def frame_of(content: bytes, name: str) -> pd.DataFrame:
    """Returns the table in a feather file; its index counts the rows.

    :param name: of the file, for messages
    :raises FileError: for every kind of damage, for a checksum that does not match, and for a
        table that has more than `MOST_BYTES` or two columns of one name
    """
    found = list(_SEAL.finditer(content))
    if found and {seal[0] for seal in found} != {_seal(content, found)}:
        raise FileError(
            f"{name}: cannot be read as feather: the checksum in it does not match, so the file "
            "is damaged, or was changed after it was written"
        )
    try:
        if (size := unpacked_size(content)) > MOST_BYTES:
            raise FileError(
                f"{name}: must have at most {MOST_BYTES:,} bytes unpacked, has {size:,}"
            )
        table = feather.read_table(pa.BufferReader(content))
        for batch in table.to_batches():
            batch.validate(full=True)
        names = table.column_names
        # What pandas has noted about its types is not needed, and one more thing to be damaged.
        frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    except FileError:
        raise
    # Arrow and pandas raise almost any error for damaged bytes: OSError, KeyError, MemoryError...
    except Exception as error:
        raise FileError(f"{name}: cannot be read as feather: {error!s:.200}") from error
    if len(set(names)) < len(names):
        twice = next(column for column in names if names.count(column) > 1)
        raise FileError(f"{name}: column {twice} is there twice")
    return frame


def _seal(content: bytes, seals: list[re.Match[bytes]]) -> bytes:
    """Returns the checksum of a file, with zeros at the places of `seals`."""
    digest, at, view = hashlib.sha256(), 0, memoryview(content)
    for seal in seals:
        digest.update(view[at : seal.start()])
        digest.update(_ZEROS)
        at = seal.end()
    digest.update(view[at:])
    return _PREFIX + digest.hexdigest().encode()
