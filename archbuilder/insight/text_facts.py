"""Statistics of a text, computed in one pass."""

import re
from array import array
from collections.abc import Callable, Collection
from typing import Any, Protocol

import numpy as np

from archbuilder.text.corpus import ByteCounter, SkipLog, TextSource
from archbuilder.text.record import SOURCE, TARGET, TEXT, Record, has_sentences

# Characters that are rarely intended in any language. Joiners and directional marks are often
# intended and not listed.
ODDITIES = {
    "control characters": r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]",
    "replacement characters": "\ufffd",
    "wrongly decoded text": r"[ÃÂ][\x80-\xbf]|â€|ðŸ|ï»¿",
    "invisible characters": r"[\u200b\u2060\ufeff\u202a-\u202e]",
    "characters of private use": r"[\ue000-\uf8ff]",
}
_ODD = {name: re.compile(pattern) for name, pattern in ODDITIES.items()}
_ANY_ODD = re.compile("|".join(ODDITIES.values()))


def text_facts(
    corpus: TextSource,
    progress: Callable[[int], None] = lambda done: None,
    numbers: Collection[int] = (),
) -> dict[str, Any]:
    """Return counts of the records, the duplicates, and the empty and suspicious lines of a corpus.

    Duplicates are counted by 64-bit hashes, which use eight bytes of memory for each line.

    Args:
        corpus: The text.
        progress: Called with the number of bytes that were read. Default: not reported.
        numbers: The numbers of records, counted from 1, whose locations are returned as `places`.

    Returns:
        The counts by name, as in the JSON output of `archbuild inspect`.
    """
    skip_log, byte_counter, locations = SkipLog(), ByteCounter(), {}
    facts: _Facts = _Documents() if has_sentences(corpus.record_columns()) else _Pairs()
    for number, record in enumerate(corpus.records(skip_log, byte_counter), start=1):
        facts.add(record)
        if number in numbers:
            locations[number] = str(record.location)
        if number % 1000 == 0:
            progress(byte_counter.count)
    return facts.summary() | {
        "empty_lines": skip_log.empty_lines,
        "left_out": {skipped.reason: skipped.count for skipped in skip_log.skipped()},
        "odd": facts.lines.odd,
        "places": locations,
    }


class _LineFacts:
    """Counts of the characters and the suspicious characters in lines."""

    def __init__(self) -> None:
        self.characters = 0
        self.odd: dict[str, dict[str, Any]] = {}

    def add(self, line: str, record: Record, sentence: int = 0, side: str = "") -> None:
        self.characters += len(line)
        if _ANY_ODD.search(line):
            for name, pattern in _ODD.items():
                match = pattern.search(line)
                if match:
                    location = record.location.of_sentence(sentence)
                    first = f"{location}{side}: {_around(line, match.start())}"
                    self.odd.setdefault(name, {"lines": 0, "first": first})["lines"] += 1


class _Facts(Protocol):
    """The interface of the statistics of one type of record."""

    lines: _LineFacts

    def add(self, record: Record) -> None: ...

    def summary(self) -> dict[str, Any]: ...


class _Documents:
    def __init__(self) -> None:
        self.lines = _LineFacts()
        self.sentences, self.documents = array("q"), array("q")

    def add(self, record: Record) -> None:
        sentences = record.columns[TEXT]
        for index, line in enumerate(sentences):
            self.lines.add(line, record, index)
            self.sentences.append(hash(line))
        self.documents.append(hash(tuple(sentences)))

    def summary(self) -> dict[str, Any]:
        return {
            "documents": len(self.documents),
            "sentences": len(self.sentences),
            "characters": self.lines.characters,
            "duplicates": {
                "documents": _duplicates(self.documents),
                "sentences": _duplicates(self.sentences),
            },
        }


class _Pairs:
    def __init__(self) -> None:
        self.lines = _LineFacts()
        self.sources, self.targets, self.pairs = array("q"), array("q"), array("q")
        self.copies = 0

    def add(self, record: Record) -> None:
        source, target = record.columns[SOURCE], record.columns[TARGET]
        self.lines.add(source, record, side=", source")
        self.lines.add(target, record, side=", target")
        self.sources.append(hash(source))
        self.targets.append(hash(target))
        self.pairs.append(hash((source, target)))
        self.copies += source == target

    def summary(self) -> dict[str, Any]:
        return {
            "pairs": len(self.pairs),
            "characters": self.lines.characters,
            "duplicates": {
                "pairs": _duplicates(self.pairs),
                "sources": _duplicates(self.sources),
                "targets": _duplicates(self.targets),
            },
            "source_equals_target": self.copies,
        }


def _duplicates(hashes: array) -> int:
    """Return the number of hashes that occur earlier in the array."""
    return len(hashes) - len(np.unique(np.frombuffer(hashes, "int64"))) if hashes else 0


def _around(line: str, position: int) -> str:
    start = max(position - 15, 0)
    return repr(line[start : position + 15])
