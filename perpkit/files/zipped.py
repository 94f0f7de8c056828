"""Reads one file out of a zip file, bounded by what is really unpacked.

`zipfile` checks headers and passwords here, but does not unpack: it has no bound for bz2 and lzma,
of which 50 bytes can become 46 MB.
"""

from __future__ import annotations

import bz2
import copy
import lzma
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from perpkit.files.errors import FileError

# An lzma decoder allocates the whole dictionary that a header asks for.
_MOST_DICTIONARY = 64 * 2**20


def unpacked(
    source: Path | IO[bytes], name: str, choose: Callable[[Sequence[str]], str], most: int
) -> bytes:
    """Returns the content of one member of a zip file.

    The sizes in the headers are not relied on: they may say anything.

    :param name: of the zip file, for messages
    :param choose: returns the member to read, of the names of all; raises FileError for none
    :param most: number of bytes that such a member can have
    :raises FileError: for a file that is damaged, encrypted or packed in an unknown way, and for
        a larger member
    """
    try:
        with zipfile.ZipFile(source) as archive:
            member = archive.getinfo(choose(archive.namelist()))
            packed = _packed(archive, member, most)
            content = _unpacked(packed, member.compress_type, most)
    except FileError:
        raise
    # Each way of packing has errors of its own, and damaged headers lead to almost any.
    except Exception as error:
        words = str(error) or type(error).__name__
        raise FileError(f"{name}: not a whole zip file: {words}") from error
    if len(content) > most:
        raise FileError(
            f"{name}: {member.filename} must have at most {most:,} bytes unpacked, has more"
        )
    if (len(content), zlib.crc32(content)) != (member.file_size, member.CRC):
        raise FileError(
            f"{name}: not a whole zip file: {member.filename} is not what its checksum says"
        )
    return content


def _packed(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes:
    """Returns the bytes of a member as they are in the file, no more than one over `most`."""
    stored = copy.copy(member)
    stored.compress_type, stored.file_size = zipfile.ZIP_STORED, member.compress_size
    del stored.CRC  # it is that of the unpacked bytes
    with archive.open(stored) as file:
        return file.read(most + 1)


def _unpacked(packed: bytes, method: int, most: int) -> bytes:
    """Returns what becomes of the bytes, no more than one over `most`.

    :raises NotImplementedError: for another method than stored, deflate, bz2 and lzma
    """
    match method:
        case zipfile.ZIP_STORED:
            return packed
        case zipfile.ZIP_DEFLATED:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most + 1)
        case zipfile.ZIP_BZIP2:
            return bz2.BZ2Decompressor().decompress(packed, most + 1)
        case zipfile.ZIP_LZMA:
            return _unpacked_lzma(packed, most)
    raise NotImplementedError(f"packed in an unknown way (method {method})")


def _unpacked_lzma(packed: bytes, most: int) -> bytes:
    """Returns what becomes of the bytes, as `_unpacked`.

    In front are a version, in 2 bytes, and the decoder's properties (APPNOTE.TXT, 5.8.8).
    """
    size = int.from_bytes(packed[2:4], "little")
    properties, stream = packed[4 : 4 + size], packed[4 + size :]
    if size != 5:
        raise ValueError(f"lzma properties must have 5 bytes, have {size}")
    rest, lc = divmod(properties[0], 9)
    pb, lp = divmod(rest, 5)
    dictionary = int.from_bytes(properties[1:], "little")
    if dictionary > _MOST_DICTIONARY:
        raise ValueError(f"an lzma dictionary has at most {_MOST_DICTIONARY:,} bytes")
    layout = {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": dictionary}
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[layout])
    return decoder.decompress(stream, most + 1)
