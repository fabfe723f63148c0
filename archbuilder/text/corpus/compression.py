"""Text that lies compressed: which names say so, and what is within, piece by piece."""

import lzma
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from archbuilder.errors import UserError

PIECE = 1024
"""Compressed bytes taken at once: few, since any may stand for thousands of times as many."""


def kind_of(file: str) -> str:
    """ "gz", "xz" or "zst" as the name ends, else nothing."""
    return next((kind for kind in _KINDS if file.endswith(f".{kind}")), "")


def decompressed(file: str, raw: BinaryIO) -> Iterator[bytes]:
    """What is in the compressed members of a file, one after another.

    Raises `UserError` where they are damaged, or end too early.
    """
    new = _KINDS[kind_of(file)]
    member, done = None, 0
    while piece := raw.read(PIECE):
        while piece:
            if member is None:
                piece = piece.lstrip(b"\0")  # Members may be padded.
                if not piece:
                    break
                member = new()
            try:
                text = member.decompress(piece)
            except Exception as error:  # Each library has an error of its own.
                place = f"{file}: corrupt after {done:,} bytes of text"
                raise UserError(place) from error
            done += len(text)
            yield text
            piece = member.unused_data if member.eof else b""
            if member.eof:
                member = None
    if member is not None:
        raise UserError(f"{file}: truncated or damaged; {done:,} bytes of text, and no end")


def _gzip() -> Any:
    return zlib.decompressobj(zlib.MAX_WBITS | 16)


def _zstandard() -> Any:
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj()


_KINDS = {"gz": _gzip, "xz": lzma.LZMADecompressor, "zst": _zstandard}
