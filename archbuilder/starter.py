"""A spec to start from, with everything it needs to run at once."""

import os
import random
from pathlib import Path

from archbuilder.errors import UserError, writable
from archbuilder.experiment import folder_name
from archbuilder.language import written
from archbuilder.shipped import shipped_specs

_STARTERS = Path(__file__).parent / "starters"
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def start(name: str, like: str, folder: Path) -> list[Path]:
    """Write the starter `like` as `name`.yaml, with parallel text if it needs some.

    Gives the files written; an existing one is never overwritten.
    """
    kinds = sorted(path.stem for path in _STARTERS.glob("*.yaml"))
    if like not in kinds:
        raise UserError(f"--like {like}: there are {', '.join(kinds)}")
    _check(name)
    text = (_STARTERS / f"{like}.yaml").read_text(encoding="utf-8")
    text = text.replace("name: NAME", f"name: {written(name)}").replace("NAME", name)
    files = {f"{name}.yaml": text}
    if f"{name}.train.source" in text:
        files |= _numbers(f"{name}.train", range(0, 9000))
        files |= _numbers(f"{name}.validation", range(9000, 9500))
    for file in files:
        if os.path.lexists(folder / file):
            raise UserError(f"{file}: exists already")
    for number, (file, content) in enumerate(files.items()):
        try:
            with writable(Path(file)), open(folder / file, "x", encoding="utf-8") as new:
                new.write(content)
        except UserError:
            for begun in [*files][:number]:
                (folder / begun).unlink()
            raise
    return [folder / file for file in files]


def _check(name: str) -> None:
    try:
        folder_name(name)
    except ValueError as error:
        raise UserError(f"{name!r}: a name {error}") from error
    if os.path.lexists(shipped_specs() / f"{name}.yaml"):
        raise UserError(f"{name}: a shipped spec is called so; choose another name")


def in_words(number: int) -> str:
    """A number below a million, written out in English."""
    if number < 20:
        return _ONES[number]
    for size, word in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            head, rest = divmod(number, size)
            return f"{in_words(head)} {word}" + (f" {in_words(rest)}" if rest else "")
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")


def _numbers(stem: str, places: range) -> dict[str, str]:
    """Parallel text: numbers in digits and in words; different `places` share no number."""
    numbers = random.Random(0).sample(range(100_000), 10_000)
    chosen = [numbers[place] for place in places]
    return {
        f"{stem}.source": "".join(f"{number}\n" for number in chosen),
        f"{stem}.target": "".join(f"{in_words(number)}\n" for number in chosen),
    }
