"""A temporary copy of the package to which an extension is added as its author would add it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import archbuilder

TESTS = Path(__file__).parent


class PackageCopy:
    """A copy of `archbuilder` in a folder, run in a process of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.package = folder / "archbuilder"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(archbuilder.__file__).parent, self.package, ignore=ignored)

    def add_file(self, target: str, content: str) -> None:
        """Add a new file to the package."""
        path = self.package / target
        assert not path.exists(), f"{target} already exists"
        path.write_text(content, encoding="utf-8")

    def edit_line(self, file: str, before: str, after: str) -> None:
        """Replace one line, or part of one, that occurs exactly once in a file of the package."""
        path = self.package / file
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{file}: {before!r} occurs {text.count(before)} times"
        path.write_text(text.replace(before, after), encoding="utf-8")

    def run(self, *arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
        """Run Python on the copy with these arguments and return the finished process."""
        paths = [str(self.folder), str(TESTS.parent)]  # Scripts of the tests import `tests`.
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), **environment},
            capture_output=True,
            text=True,
        )

    def archbuild(self, *arguments: object, cwd: Path) -> subprocess.CompletedProcess:
        """Run `archbuild` on the copy; fail with its error output if it does not succeed."""
        done = self.run("-m", "archbuilder", *arguments, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done
