"""What a text is like before anything is done with it: counted in one pass, in bounded memory."""

import re
from array import array

import numpy as np

from archbuilder.text.corpus.reading import Reading

# What is seldom meant, whatever the language; joiners and marks of direction are left in peace.
ODDITIES = {
    "control characters": r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]",
    "replacement characters": "\ufffd",
    "wrongly decoded text": r"[ÃÂ][\x80-\xbf]|â€|ðŸ|ï»¿",
    "invisible characters": r"[\u200b\u2060\ufeff\u202a-\u202e]",
    "characters of private use": r"[\ue000-\uf8ff]",
}
_ODD = {name: re.compile(pattern) for name, pattern in ODDITIES.items()}
_ANY_ODD = re.compile("|".join(ODDITIES.values()))


def text_facts(corpus, progress=None, wanted=()) -> dict:
    """Counts of a corpus: what it holds, what stands in it twice, what is empty or odd.

    Duplicates are counted by 64-bit hashes, eight bytes for each line. `places` are those of the
    items whose numbers, counted from 1 on, are `wanted`.
    """
    reading, places = Reading(), {}
    facts = _Pairs() if corpus.form == "pairs" else _Documents()
    items = corpus.pairs(reading) if corpus.form == "pairs" else corpus.documents(reading)
    for number, item in enumerate(items, start=1):
        facts.add(item, reading)
        if number in wanted:
            places[number] = reading.place()
        if progress and number % 1000 == 0:
            progress(reading.bytes)
    left_out = {reason: one.count for reason, one in reading.left_out.items()}
    return facts.told() | {
        "empty_lines": reading.empty_lines,
        "left_out": left_out,
        "odd": facts.odd,
        "places": places,
    }


class _Facts:
    """Counts of lines, whatever they belong to."""

    def __init__(self) -> None:
        self.characters = 0
        self.odd: dict[str, dict] = {}

    def look(self, line: str, reading: Reading, sentence: int = 0, side: str = "") -> None:
        self.characters += len(line)
        if _ANY_ODD.search(line):
            for name, pattern in _ODD.items():
                found = pattern.search(line)
                if found:
                    where = f"{reading.place(sentence)}{side}: {_around(line, found.start())}"
                    self.odd.setdefault(name, {"lines": 0, "first": where})["lines"] += 1


class _Documents(_Facts):
    def __init__(self) -> None:
        super().__init__()
        self.sentences, self.documents = array("q"), array("q")

    def add(self, document: list[str], reading: Reading) -> None:
        for place, line in enumerate(document):
            self.look(line, reading, place)
            self.sentences.append(hash(line))
        self.documents.append(hash(tuple(document)))

    def told(self) -> dict:
        return {
            "documents": len(self.documents),
            "sentences": len(self.sentences),
            "characters": self.characters,
            "duplicates": {
                "documents": _duplicates(self.documents),
                "sentences": _duplicates(self.sentences),
            },
        }


class _Pairs(_Facts):
    def __init__(self) -> None:
        super().__init__()
        self.sources, self.targets, self.pairs = array("q"), array("q"), array("q")
        self.copies = 0

    def add(self, pair: tuple[str, str], reading: Reading) -> None:
        source, target = pair
        self.look(source, reading, side=", source")
        self.look(target, reading, side=", target")
        self.sources.append(hash(source))
        self.targets.append(hash(target))
        self.pairs.append(hash(pair))
        self.copies += source == target

    def told(self) -> dict:
        return {
            "pairs": len(self.pairs),
            "characters": self.characters,
            "duplicates": {
                "pairs": _duplicates(self.pairs),
                "sources": _duplicates(self.sources),
                "targets": _duplicates(self.targets),
            },
            "source_equals_target": self.copies,
        }


def _duplicates(hashes: array) -> int:
    """How many have stood before."""
    return len(hashes) - len(np.unique(np.frombuffer(hashes, "int64"))) if hashes else 0


def _around(line: str, place: int) -> str:
    begin = max(place - 15, 0)
    return repr(line[begin : place + 15])
