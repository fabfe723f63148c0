"""Starter specs for `archbuild new`, with generated text to train on."""

import os
import random
from pathlib import Path

from archbuilder.errors import UserError, writable
from archbuilder.experiment import check_folder_name
from archbuilder.language import format_scalar
from archbuilder.shipped import shipped_specs

_STARTERS = Path(__file__).parent / "starters"
_SMALL_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def create_spec(name: str, like: str, folder: Path) -> list[Path]:
    """Write a starter spec, and the parallel text that it trains on, if any.

    Args:
        name: Name of the experiment; the spec is written to `name`.yaml.
        like: Name of the starter, such as `bert`.
        folder: Folder of the new files.

    Returns:
        The paths of the new files; the spec is first.

    Raises:
        UserError: The name is not valid, the starter is unknown, or a file already exists or
            cannot be written. No file is left behind in these cases.
    """
    starters = sorted(path.stem for path in _STARTERS.glob("*.yaml"))
    if like not in starters:
        raise UserError(f"--like {like}: unknown starter; choose from {', '.join(starters)}")
    _check_name(name)
    files = _contents(name, (_STARTERS / f"{like}.yaml").read_text(encoding="utf-8"))
    for file in files:
        if os.path.lexists(folder / file):
            raise UserError(f"{file}: already exists; choose another name or delete the file")
    _write_all(folder, files)
    return [folder / file for file in files]


def _contents(name: str, starter: str) -> dict[str, str]:
    """Return the content of each new file by its name; the spec is first."""
    spec = starter.replace("name: NAME", f"name: {format_scalar(name)}").replace("NAME", name)
    files = {f"{name}.yaml": spec}
    if f"{name}.train.source" in spec:
        files |= _parallel_numbers(f"{name}.train", range(0, 9000))
        files |= _parallel_numbers(f"{name}.validation", range(9000, 9500))
    return files


def _write_all(folder: Path, files: dict[str, str]) -> None:
    """Write all files. If one cannot be written, remove the others and raise UserError."""
    for number, (name, content) in enumerate(files.items()):
        try:
            with writable(Path(name)), open(folder / name, "x", encoding="utf-8") as file:
                file.write(content)
        except UserError:
            for previous in [*files][:number]:
                (folder / previous).unlink()
            raise


def _check_name(name: str) -> None:
    try:
        check_folder_name(name)
    except ValueError as error:
        raise UserError(f"{name!r}: a name {error}") from error
    if os.path.lexists(shipped_specs() / f"{name}.yaml"):
        raise UserError(f"{name}: is the name of a shipped spec; choose another name")


def in_words(number: int) -> str:
    """Return a number below one million in English words."""
    if number < 20:
        return _SMALL_NUMBERS[number]
    for size, word in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            head, rest = divmod(number, size)
            return f"{in_words(head)} {word}" + (f" {in_words(rest)}" if rest else "")
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_SMALL_NUMBERS[ones]}" if ones else "")


def _parallel_numbers(stem: str, indices: range) -> dict[str, str]:
    """Return files with numbers in digits and in words. Disjoint `indices` give disjoint ones."""
    shuffled = random.Random(0).sample(range(100_000), 10_000)
    numbers = [shuffled[index] for index in indices]
    return {
        f"{stem}.source": "".join(f"{number}\n" for number in numbers),
        f"{stem}.target": "".join(f"{in_words(number)}\n" for number in numbers),
    }
