"""Sets of files: expansion of patterns, content hashes, and detection of changes."""

import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable
from glob import escape, glob
from io import BufferedReader
from typing import Annotated

from pydantic import AfterValidator

from archbuilder.errors import UserError
from archbuilder.language import FilePath
from archbuilder.text.corpus.compression import compression_type


def _not_empty(files: tuple[str, ...]) -> tuple[str, ...]:
    if not files:
        raise ValueError("must name at least one file")
    return files


Files = Annotated[tuple[FilePath, ...], AfterValidator(_not_empty)]
"""Names of files, or patterns with `*`, `?`, `[...]` and `**`."""


def expand_patterns(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of files, with patterns expanded; the files of a pattern are sorted.

    Raises:
        UserError: No file matches a pattern, or a file is listed more than once.
    """
    files = [file for name in names for file in _matching(name)]
    for file, count in Counter(files).items():
        if count > 1:
            raise UserError(f"{file}: is listed more than once")
    return tuple(files)


def total_bytes(files: Iterable[str]) -> int:
    """Return the total size of the files on disk, in bytes."""
    total = 0
    for file in files:
        with open_file(file) as raw:
            total += os.fstat(raw.fileno()).st_size
    return total


def stamps(files: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """Return the size in bytes, the modification time in ns and the inode of each file."""
    by_file = {}
    for file in files:
        with open_file(file) as raw:
            status = os.fstat(raw.fileno())
        by_file[file] = status.st_size, status.st_mtime_ns, status.st_ino
    return by_file


def content_hash(files: Iterable[str], settings: str) -> str:
    """Return a hash of the files' content, in order, and of the settings for reading them."""
    digest = hashlib.sha256(settings.encode())
    for file in files:
        with open_file(file) as raw:
            digest.update(f"\n{compression_type(file)} ".encode())
            digest.update(hashlib.file_digest(raw, "sha256").digest())
    return digest.hexdigest()


def open_file(file: str) -> BufferedReader:
    """Open a regular file. Raise `UserError` if that is not possible."""
    try:
        mode = os.stat(file).st_mode
        if stat.S_ISDIR(mode):
            raise UserError(f"{file}: is a directory, not a text file")
        if not stat.S_ISREG(mode):
            raise UserError(f"{file}: is not a regular file")
        return open(file, "rb")
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error
    except ValueError as error:  # The name contains a NUL.
        raise UserError(f"{file}: is not a valid file name") from error


def _matching(name: str) -> list[str]:
    if not re.search(r"[*?[]", name) or os.path.lexists(name):
        return [name]
    pattern = _escape_existing_folders(name)
    files = sorted(file for file in glob(pattern, recursive=True) if not os.path.isdir(file))
    if not files:
        raise UserError(f"{name}: no file matches this pattern")
    return files


def _escape_existing_folders(pattern: str) -> str:
    """Return the pattern with its leading existing folders escaped, which may contain brackets."""
    folder = pattern
    while folder and not os.path.isdir(folder):
        folder = folder.rpartition("/")[0]
    return escape(folder) + pattern[len(folder) :]
