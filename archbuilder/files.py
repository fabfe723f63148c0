"""Small files that are whole or known to be damaged, never taken for what they are not."""

import hashlib
import json
import os
from pathlib import Path


def note(path: Path, content: dict) -> None:
    """Write a file that `noted` reads, on the disk when this returns, and never by halves."""
    text = json.dumps(content)
    temporary = path.with_name(f".{path.name}")
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def noted(path: Path) -> dict:
    """What was noted in a file; raises `ValueError` where that is not as it was written."""
    text, _, digest = path.read_text(encoding="utf-8").partition("\n")
    if digest != f"{hashlib.sha256(text.encode()).hexdigest()}\n":
        raise ValueError(f"{path} is damaged")
    return json.loads(text)
