"""Streaming decompression of .gz, .xz and .zst files.

The libraries' file readers cannot replace this loop: `lzma.open` silently ignores whatever follows
padding or a damaged header, and zstandard's stream reader takes a truncated file for a whole one
and refuses padding.
"""

import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from archbuilder.errors import UserError

PIECE = 1024
"""Compressed bytes to read at a time. Few, since each may expand to thousands of bytes of text."""


class Decompressor(Protocol):
    """Decompresses one member, as the libraries' objects do."""

    @property
    def eof(self) -> bool:
        """Whether the end of the member was reached."""
        ...

    @property
    def unused_data(self) -> bytes:
        """The bytes behind the end of the member."""
        ...

    def decompress(self, data: bytes, /) -> bytes:
        """Return the text of the next bytes of the member."""
        ...


def compression_type(file: str) -> str:
    """Return "gz", "xz" or "zst" if the file's name ends so, else an empty string."""
    return next((kind for kind in _DECOMPRESSORS if file.endswith(f".{kind}")), "")


def decompress(file: str, raw: BinaryIO) -> Iterator[bytes]:
    """Yield the text of the compressed members of a file, piece by piece.

    Args:
        file: The file's name, which gives the kind of compression.
        raw: The open file. Its position shows how much was read.

    Raises:
        UserError: If the file is damaged or truncated.
    """
    make = _DECOMPRESSORS[compression_type(file)]
    member, num_bytes = None, 0
    while piece := raw.read(PIECE):
        while piece:
            if member is None:
                piece = piece.lstrip(b"\0")  # Members may be padded.
                if not piece:
                    break
                member = make()
            try:
                text = member.decompress(piece)
            except Exception as error:  # Each library has an error of its own.
                message = f"{file}: corrupt after {num_bytes:,} bytes of text"
                raise UserError(message) from error
            num_bytes += len(text)
            yield text
            piece = member.unused_data if member.eof else b""
            if member.eof:
                member = None
    if member is not None:
        raise UserError(f"{file}: truncated or damaged; {num_bytes:,} bytes of text, and no end")


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
