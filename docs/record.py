"""Recorder of the console blocks in the README files: runs their commands and writes the output.

    python docs/record.py [--check]

A block starts with "```console", and its commands start with "$ ". `--check` writes nothing and
fails if an output has changed.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "README.zh.md")
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def recorded(text: str) -> str:
    """Return a page in which each console block has the current output of its commands."""
    return BLOCK.sub(lambda block: f"```console\n{_record(block[1])}```", text)


def _record(block: str) -> str:
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"{command}\n{_output(command[2:])}" for command in commands)


def _output(command: str) -> str:
    """Return the standard output and error of a command that runs in the root of the checkout."""
    scripts = Path(sys.executable).parent
    settings = {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
        "COLUMNS": "80",
        "NO_COLOR": "1",
    }
    process = subprocess.run(
        command,
        shell=True,
        cwd=ROOT,
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return process.stdout


def main() -> int:
    """Update the pages; return 1 if `--check` finds an output that has changed."""
    changed = False
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        current = recorded(text)
        if current == text:
            continue
        changed = True
        print(f"{page.name}: an output has changed")
        if "--check" not in sys.argv[1:]:
            page.write_text(current, encoding="utf-8")
    return int(changed and "--check" in sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
