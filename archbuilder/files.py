"""Atomic writes and locks: a file or directory is complete or absent, whenever a process ends."""

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
    """Another process holds the lock."""


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that it is on disk with all of `content`, or unchanged if that fails."""
    with replace_file(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; when the block ends without an error, that file becomes `path`.

    One writer at a time: the temporary name depends on `path` alone and keeps its suffix.
    """
    temporary = _temporary(path)
    try:
        yield temporary
        make_durable(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replace_directory(path: Path) -> Iterator[Path]:
    """Yield a new directory to fill; when the block ends without an error, it becomes `path`.

    One writer at a time: the temporary name depends on `path` alone, and what an interrupted
    writer left there is removed. Missing parent directories are created.
    """
    temporary = _temporary(path)
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
    """Return what interrupted writers of files and directories left in a directory."""
    return list(directory.glob(".*.part*"))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object and its checksum, atomically; `read_json` reads it."""
    text = json.dumps(content)
    write_atomic(path, f"{text}\n{_sha256(text)}\n".encode())


def read_json(path: Path) -> dict[str, Any]:
    """Return the content that `write_json` wrote. Raise ValueError if the file is damaged."""
    text, _, checksum = path.read_text(encoding="utf-8").partition("\n")
    if checksum != f"{_sha256(text)}\n":
        raise ValueError(f"{path} is damaged")
    return json.loads(text)


@contextmanager
def locked(lock_file: Path, wait: bool = True) -> Iterator[None]:
    """Hold a lock that all processes of this machine respect, and that ends with the process.

    Args:
        lock_file: Created with its parent directories, and removed when the lock is released.
        wait: Whether to wait until another process releases the lock.

    Raises:
        LockedError: Another process holds the lock, and `wait` is False.
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
        # Removed while it is held: a process that waits for the removed file opens a new one.
        with suppress(OSError):  # Windows removes no open file.
            lock_file.unlink()
        lock.release()


@contextmanager
def staging_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary directory from which a rename to `path` is possible.

    It is in the nearest existing parent directory of `path` and is removed at the end. Raises
    `UserError` if that directory or a file called like `path` cannot be written.
    """
    with ExitStack() as stack:
        with writable(path):
            parent = next(folder for folder in path.absolute().parents if folder.exists())
            folder = tempfile.TemporaryDirectory(dir=parent, prefix=".archbuilder.")
            trial = Path(stack.enter_context(folder), path.name)
            trial.touch()
            trial.unlink()
        yield trial.parent


def publish(staged: Path, path: Path) -> None:
    """Rename a finished file or directory to `path`. Raise `UserError` if that exists."""
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path):  # Created after the caller checked.
            raise UserError(f"{path}: already exists")
        staged.rename(path)


def make_durable(path: Path) -> None:
    """Wait until the content of a file, or the entries of a directory, are on disk."""
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


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.stem}.part{path.suffix}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
