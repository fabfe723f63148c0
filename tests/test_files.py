"""Files are complete or absent, and only one process at a time holds a lock."""

import subprocess
import sys

import pytest

from archbuilder import UserError
from archbuilder.files import (
    LockedError,
    locked,
    publish,
    read_json,
    replace_directory,
    replace_file,
    staging_directory,
    unfinished,
    write_atomic,
    write_json,
)


def fail_to_replace_file(path):
    with replace_file(path) as temporary:
        temporary.write_bytes(b"new")
        assert temporary.suffix == path.suffix
        assert unfinished(path.parent) == [temporary]
        raise InterruptedError


def fail_to_replace_directory(path):
    with replace_directory(path) as temporary:
        (temporary / "a").write_text("new")
        raise InterruptedError


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "model.keras"
    write_atomic(path, b"old")
    with pytest.raises(InterruptedError):
        fail_to_replace_file(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_directory(tmp_path):
    path = tmp_path / "step"
    with replace_directory(path) as temporary:
        (temporary / "a").write_text("old")
    with pytest.raises(InterruptedError):
        fail_to_replace_directory(path)
    assert (path / "a").read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_a_directory_removes_the_old_files_and_leftovers(tmp_path):
    path = tmp_path / "step"
    path.mkdir()
    (path / "old").touch()
    (tmp_path / ".step.part").mkdir()
    (tmp_path / ".step.part" / "leftover").touch()
    with replace_directory(path) as temporary:
        (temporary / "new").touch()
    assert [file.name for file in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_read_as_it_was_written(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1, "ä"], "b": None})
    assert read_json(tmp_path / "a.json") == {"a": [1, "ä"], "b": None}


@pytest.mark.parametrize("damage", [lambda c: c[:-2], lambda c: c.replace(b"1", b"2", 1), bytes])
def test_damaged_json_is_detected(tmp_path, damage):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    path.write_bytes(damage(path.read_bytes()) if damage is not bytes else b"")
    with pytest.raises(ValueError, match="is damaged"):
        read_json(path)


def test_a_lock_excludes_others_until_it_is_released(tmp_path):
    lock_file = tmp_path / "new" / ".lock"
    with locked(lock_file), pytest.raises(LockedError), locked(lock_file, wait=False):
        pass
    with locked(lock_file, wait=False):
        pass
    assert list(lock_file.parent.iterdir()) == []


def test_a_lock_is_held_by_one_process_at_a_time(tmp_path):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from archbuilder.files import locked\n"
        "folder = Path(sys.argv[1])\n"
        "for _ in range(30):\n"
        "  with locked(folder / '.lock'):\n"
        "    (folder / 'held').mkdir()\n"
        "    (folder / 'held').rmdir()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert [process.wait(60) for process in [subprocess.Popen(command) for _ in range(3)]] == [
        0
    ] * 3


def test_a_staged_file_is_published_only_once(tmp_path):
    path = tmp_path / "deep" / "model"
    with staging_directory(path) as folder:
        (folder / "model").write_text("complete")
        publish(folder / "model", path)
    assert path.read_text() == "complete"
    with (
        pytest.raises(UserError, match="model: already exists"),
        staging_directory(path) as folder,
    ):
        publish(folder, path)
    assert list(tmp_path.iterdir()) == [path.parent]


def test_the_command_line_works_without_fcntl():
    code = (
        "import sys\n"
        "sys.modules['fcntl'] = None\n"
        "sys.argv = ['archbuild', '--help']\n"
        "from archbuilder.cli import main\n"
        "main()\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert "train" in process.stdout


def test_locks_work_without_fcntl(tmp_path):
    code = (
        "import sys\n"
        "sys.modules['fcntl'] = None\n"
        "from pathlib import Path\n"
        "from archbuilder.files import LockedError, locked\n"
        "lock_file = Path(sys.argv[1])\n"
        "with locked(lock_file):\n"
        "  try:\n"
        "    with locked(lock_file, wait=False): sys.exit(1)\n"
        "  except LockedError: pass\n"
        "with locked(lock_file, wait=False): pass\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / ".lock")]
    assert subprocess.run(command).returncode == 0
    assert list(tmp_path.iterdir()) == []
