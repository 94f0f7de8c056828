"""How large an Arrow file becomes when it is read, found without unpacking it.

Arrow offers no bound: it allocates what each buffer says it becomes. The places of these numbers
are given by the Arrow columnar format: Message.fbs (IPC messages) and FlatBuffers' tables.
"""

from __future__ import annotations

import struct

import pyarrow as pa

_MAGIC = 8  # bytes before the first message
_DICTIONARY, _RECORDS = 2, 3  # types of messages with buffers
# Numbers of fields in the tables of Message.fbs.
_MESSAGE_TYPE, _MESSAGE_HEADER = 1, 2
_DICTIONARY_DATA = 1
_BATCH_BUFFERS, _BATCH_COMPRESSION = 2, 3


def unpacked_size(content: bytes) -> int:
    """Returns the bytes that the buffers of a file say they have when unpacked.

    It stops at the first message that is damaged: Arrow, which reads the file afterwards, refuses
    that one.

    :param content: of an Arrow IPC file (feather version 2)
    """
    total = 0
    try:
        for message in pa.ipc.MessageReader.open_stream(pa.py_buffer(content)[_MAGIC:]):
            total += _size_of(message.metadata.to_pybytes(), message.body)
    # Beyond the last message lies the end of the file, which is not a message to some readers.
    except (pa.ArrowException, OSError, EOFError, StopIteration, struct.error, IndexError):
        pass
    return total


def _size_of(metadata: bytes, body: pa.Buffer | None) -> int:
    root = _int("I", metadata, 0)
    kind_at, header_at = (_field(metadata, root, n) for n in (_MESSAGE_TYPE, _MESSAGE_HEADER))
    kind = metadata[kind_at] if kind_at else 0
    if kind not in (_DICTIONARY, _RECORDS) or not header_at or body is None:
        return 0
    batch = _target(metadata, header_at)
    if kind == _DICTIONARY:
        batch = _target(metadata, _field(metadata, batch, _DICTIONARY_DATA))
    buffers = _target(metadata, _field(metadata, batch, _BATCH_BUFFERS))
    packed = _field(metadata, batch, _BATCH_COMPRESSION) > 0
    total = 0
    for number in range(_int("I", metadata, buffers)):
        offset, length = struct.unpack_from("<qq", metadata, buffers + 4 + 16 * number)
        size = length
        if packed and length >= 8:
            size = _int("q", body[offset : offset + 8].to_pybytes(), 0)
        total += max(size, length)  # -1 says that this buffer is not packed
    return total


def _field(table: bytes, at: int, number: int) -> int:
    """Returns the place of a table's field, 0 if the table lacks it."""
    index = at - _int("i", table, at)
    place = 4 + 2 * number
    if place >= _int("H", table, index):
        return 0
    offset = _int("H", table, index + place)
    return at + offset if offset else 0


def _target(table: bytes, at: int) -> int:
    return at + _int("I", table, at)


def _int(kind: str, content: bytes, at: int) -> int:
    [number] = struct.unpack_from(f"<{kind}", content, at)
    return int(number)
