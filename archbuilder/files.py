"""Atomic writes, checksums and locks of files.

A file or directory is either complete or absent, even if the process is killed while writing.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from archbuilder.errors import UserError, writable


class LockedError(Exception):
    """The lock is held by another process."""


def write_atomic(path: Path, content: bytes) -> None:
    """Replace the content of a file and flush it to disk. If this fails, the file is unchanged."""
    with replace_file(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, and rename it to `path` when the block ends.

    If the block raises, the temporary file is removed and `path` is unchanged. Only one writer may
    be active, since the temporary name depends only on `path`. It keeps the suffix of `path`.
    """
    temporary = _temporary_path(path)
    try:
        yield temporary
        make_durable(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replace_directory(path: Path) -> Iterator[Path]:
    """Yield a new temporary directory, and replace `path` with it when the block ends.

    If the block raises, the temporary directory is removed and `path` is unchanged. Only one
    writer may be active, since the temporary name depends only on `path`. A temporary directory
    that an interrupted writer left is removed first. Missing parent directories are created.
    """
    temporary = _temporary_path(path)
    remove(temporary)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        for file in temporary.rglob("*"):
            make_durable(file)
        make_durable(temporary)
        remove(path)
        os.replace(temporary, path)
    except BaseException:
        remove(temporary)
        raise
    make_durable(path.parent)


def unfinished(directory: Path) -> list[Path]:
    """Return the temporary files and directories that interrupted writers left in a directory."""
    return list(directory.glob(".*.part*"))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object and its checksum atomically. `read_json` reads it."""
    text = json.dumps(content)
    write_atomic(path, f"{text}\n{_sha256(text)}\n".encode())


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that `write_json` wrote. Raise ValueError if the checksum is wrong."""
    text, _, checksum = path.read_text(encoding="utf-8").partition("\n")
    if checksum != f"{_sha256(text)}\n":
        raise ValueError(f"{path} is damaged")
    return json.loads(text)


@contextmanager
def locked(lock_file: Path, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock among the processes of this machine.

    The lock is also released if the process is killed.

    Args:
        lock_file: Path of the lock file. It is created with its parent directories, and removed
            when the lock is released.
        wait: Whether to wait while another process holds the lock. Default: True.

    Raises:
        LockedError: `wait` is False and another process holds the lock.
        OSError: The lock file cannot be written.
    """
    from filelock import FileLock, Timeout

    lock_file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_file, timeout=-1 if wait else 0)
    try:
        lock.acquire()
    except Timeout:
        raise LockedError(str(lock_file)) from None
    try:
        yield
    finally:
        # Remove the file while the lock is held: a waiting process then creates a new file.
        with suppress(OSError):  # Windows cannot remove an open file.
            lock_file.unlink()
        lock.release()


@contextmanager
def staging_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary directory in which to create a file or directory for `publish`.

    It is in the nearest existing parent directory of `path`, so that `publish` only has to rename.
    It is removed when the block ends.

    Raises:
        UserError: The parent directory is not writable, or the name of `path` is not valid.
    """
    with ExitStack() as stack:
        with writable(path):
            parent = next(parent for parent in path.absolute().parents if parent.exists())
            directory = tempfile.TemporaryDirectory(dir=parent, prefix=".archbuilder.")
            staging = Path(stack.enter_context(directory))
            trial_file = staging / path.name  # Check the permission and the name before the work.
            trial_file.touch()
            trial_file.unlink()
        yield staging


def publish(staged: Path, path: Path) -> None:
    """Rename a complete file or directory to `path`. Raise UserError if `path` exists."""
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path):  # Another process created it after the caller's check.
            raise UserError(f"{path}: already exists")
        staged.rename(path)


def make_durable(path: Path) -> None:
    """Flush the content of a file, or the entries of a directory, to disk."""
    if path.is_dir():
        with suppress(OSError):  # Some systems cannot open or flush a directory.
            _flush(path, os.O_RDONLY)
    else:
        _flush(path, os.O_RDWR)


def remove(path: Path) -> None:
    """Remove a file, or a directory with all its content, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Return the SHA-256 digest of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary_path(path: Path) -> Path:
    return path.with_name(f".{path.stem}.part{path.suffix}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
