"""Streaming decompression of .gz, .xz and .zst files.

The file readers of the libraries cannot replace this loop: `lzma.open` silently ignores any data
after padding or a damaged header, and the stream reader of zstandard accepts truncated files and
rejects padding.
"""

import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from archbuilder.errors import UserError

PIECE = 1024
"""Number of compressed bytes to read at a time; each may expand to thousands of bytes of text."""


class Decompressor(Protocol):
    """Decompressor of one member of a file, with the interface of the libraries."""

    @property
    def eof(self) -> bool:
        """Whether the end of the member is reached."""
        ...

    @property
    def unused_data(self) -> bytes:
        """Bytes after the end of the member."""
        ...

    def decompress(self, data: bytes, /) -> bytes:
        """Return the text of the next bytes of the member."""
        ...


def compression_type(file: str) -> str:
    """Return "gz", "xz" or "zst", the ending of the file name; an empty string for other files."""
    return next((ending for ending in _DECOMPRESSORS if file.endswith(f".{ending}")), "")


def decompress(file: str, raw: BinaryIO) -> Iterator[bytes]:
    """Yield the text of the compressed members of a file, in pieces.

    Args:
        file: The name of the file, which determines the type of compression.
        raw: The open file.

    Raises:
        UserError: The file is damaged or truncated.
    """
    new_decompressor = _DECOMPRESSORS[compression_type(file)]
    member, num_bytes = None, 0
    while piece := raw.read(PIECE):
        while piece:
            if member is None:
                piece = piece.lstrip(b"\0")  # Members may be padded.
                if not piece:
                    break
                member = new_decompressor()
            try:
                text = member.decompress(piece)
            except Exception as error:  # Each library has its own error type.
                message = f"{file}: corrupt after {num_bytes:,} bytes of text"
                raise UserError(message) from error
            num_bytes += len(text)
            yield text
            piece = member.unused_data if member.eof else b""
            if member.eof:
                member = None
    if member is not None:
        raise UserError(
            f"{file}: truncated or damaged; the data ends early, after {num_bytes:,} bytes of text"
        )


def _gzip() -> Decompressor:
    return zlib.decompressobj(zlib.MAX_WBITS | 16)


def _zstandard() -> Decompressor:
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj()


_DECOMPRESSORS: dict[str, Callable[[], Decompressor]] = {
    "gz": _gzip,
    "xz": lzma.LZMADecompressor,
    "zst": _zstandard,
}
