"""Statistics of a text, computed in one pass."""

import re
from array import array
from collections.abc import Callable, Collection
from typing import Any, Protocol

import numpy as np

from archbuilder.text.corpus import ByteCounter, SkipLog, TextSource
from archbuilder.text.record import SOURCE, TARGET, TEXT, Record, has_sentences

# Patterns of characters that are rarely intended in any language. Joiners and directional marks
# are not listed, since they are often intended.
_SUSPICIOUS_PATTERNS = {
    "control characters": r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]",
    "replacement characters": "\ufffd",
    "wrongly decoded text": r"[ÃÂ][\x80-\xbf]|â€|ðŸ|ï»¿",
    "invisible characters": r"[\u200b\u2060\ufeff\u202a-\u202e]",
    "characters of private use": r"[\ue000-\uf8ff]",
}
_SUSPICIOUS = {name: re.compile(pattern) for name, pattern in _SUSPICIOUS_PATTERNS.items()}
_ANY_SUSPICIOUS = re.compile("|".join(_SUSPICIOUS_PATTERNS.values()))


def text_facts(
    corpus: TextSource,
    progress: Callable[[int], None] = lambda done: None,
    record_numbers: Collection[int] = (),
) -> dict[str, Any]:
    """Return the number of records, characters, duplicates, and empty and suspicious lines.

    Duplicates are counted by 64-bit hashes, which use 8 bytes of memory for each line and record.

    Args:
        corpus: The corpus.
        progress: Called regularly with the number of bytes read so far. Default: not reported.
        record_numbers: The numbers of records, counted from 1, whose locations are returned as
            `places`. Default: none.

    Returns:
        The counts by name, as in the JSON output of `archbuild inspect`.
    """
    skip_log, byte_counter, locations = SkipLog(), ByteCounter(), {}
    facts: _Facts = _Documents() if has_sentences(corpus.record_columns()) else _Pairs()
    for number, record in enumerate(corpus.records(skip_log, byte_counter), start=1):
        facts.add(record)
        if number in record_numbers:
            locations[number] = str(record.location)
        if number % 1000 == 0:
            progress(byte_counter.count)
    return facts.summary() | {
        "empty_lines": skip_log.empty_lines,
        "skipped": {skipped.reason: skipped.count for skipped in skip_log.skipped()},
        "suspicious": facts.lines.suspicious,
        "places": locations,
    }


class _LineFacts:
    """Number of characters in lines, and of lines with each type of suspicious characters."""

    def __init__(self) -> None:
        self.characters = 0
        self.suspicious: dict[str, dict[str, Any]] = {}

    def add(self, line: str, record: Record, sentence: int = 0, suffix: str = "") -> None:
        self.characters += len(line)
        if _ANY_SUSPICIOUS.search(line):
            for name, pattern in _SUSPICIOUS.items():
                match = pattern.search(line)
                if match:
                    location = record.location.of_sentence(sentence)
                    first = f"{location}{suffix}: {_around(line, match.start())}"
                    self.suspicious.setdefault(name, {"lines": 0, "first": first})["lines"] += 1


class _Facts(Protocol):
    """The interface of the statistics of one type of record."""

    lines: _LineFacts

    def add(self, record: Record) -> None: ...

    def summary(self) -> dict[str, Any]: ...


class _Documents:
    """Statistics of documents."""

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
    """Statistics of pairs of a source and a target."""

    def __init__(self) -> None:
        self.lines = _LineFacts()
        self.sources, self.targets, self.pairs = array("q"), array("q"), array("q")
        self.identical_pairs = 0

    def add(self, record: Record) -> None:
        source, target = record.columns[SOURCE], record.columns[TARGET]
        self.lines.add(source, record, suffix=", source")
        self.lines.add(target, record, suffix=", target")
        self.sources.append(hash(source))
        self.targets.append(hash(target))
        self.pairs.append(hash((source, target)))
        self.identical_pairs += source == target

    def summary(self) -> dict[str, Any]:
        return {
            "pairs": len(self.pairs),
            "characters": self.lines.characters,
            "duplicates": {
                "pairs": _duplicates(self.pairs),
                "sources": _duplicates(self.sources),
                "targets": _duplicates(self.targets),
            },
            "source_equals_target": self.identical_pairs,
        }


def _duplicates(hashes: array) -> int:
    """Return the number of array elements that repeat an earlier element."""
    return len(hashes) - len(np.unique(np.frombuffer(hashes, "int64"))) if hashes else 0


def _around(line: str, position: int) -> str:
    """Return up to 15 characters before and after a position of a line, in quotes."""
    start = max(position - 15, 0)
    return repr(line[start : position + 15])
