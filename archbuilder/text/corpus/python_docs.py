"""English with documents that needs no download: the documentation that CPython carries.

The topics of its `help()`, and the docstrings of the standard library, read without running any
module, cleaned into documents of sentences.
"""

import ast
import hashlib
import inspect
import os
import re
import sysconfig
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

from archbuilder.text.corpus.corpus import TextSource
from archbuilder.text.corpus.line_reader import ByteCounter
from archbuilder.text.corpus.skip_log import SkipLog
from archbuilder.text.record import TEXT, Record

VALIDATION_SHARE = 20
"""One document in so many is kept for validation."""

_LEFT_OUT = {"test", "tests", "idlelib", "site-packages", "lib2to3", "turtledemo", "ensurepip"}
_FEWEST_SENTENCES = 3
_ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|etc|vs|cf|approx|resp|al|Mr|Dr|No|Fig|Sec)\.$", re.IGNORECASE
)


class PythonDocs(TextSource):
    """The documentation that CPython carries: English, with documents, and no download."""

    type: Literal["python_docs"]
    split: Literal["train", "validation"] = "train"
    """One document in twenty is for validation, the others are for training."""

    def records(
        self, skip_log: SkipLog | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[Record]:
        """Yield each document; it is located by its number."""
        for number, sentences in enumerate(documents(self.split), start=1):
            yield Record({TEXT: sentences}, self.type, number)

    def files_to_read(self) -> tuple[str, ...]:
        return ()

    def total_bytes(self) -> int | None:
        return None

    def fingerprint(self) -> str:
        text = "\n\n".join("\n".join(document) for document in documents(self.split))
        return hashlib.sha256(text.encode()).hexdigest()


@cache
def documents(split: str) -> list[list[str]]:
    """The documents of a split ("train" or "validation"), each a list of sentences."""
    return [found for name, found in _documents() if (split == "validation") == _held_out(name)]


@cache
def _documents() -> list[tuple[str, list[str]]]:
    """Names and sentences of all documents; a sentence stands in the first that has it."""
    found: list[tuple[str, list[str]]] = []
    seen: set[str] = set()
    for name, text in _texts():
        sentences = []
        for sentence in extract_sentences(text):
            if sentence not in seen:
                seen.add(sentence)
                sentences.append(sentence)
        if len(sentences) >= _FEWEST_SENTENCES:
            found.append((name, sentences))
    return found


def _held_out(name: str) -> bool:
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "big") % VALIDATION_SHARE == 0


def _texts() -> Iterator[tuple[str, str]]:
    from pydoc_data.topics import topics

    for name, text in sorted(topics.items()):
        yield f"topic {name}", text
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(_modules(root)):
        parts = path.relative_to(root).parts
        if not parts[0].startswith(("config-", "_pyrepl")):
            yield f"module {'.'.join(parts)}", "\n\n".join(_docstrings(path))


def _modules(root: Path) -> Iterator[Path]:
    """The Python files below `root`; site-packages, which may be huge, is not even listed."""
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if name not in _LEFT_OUT]
        yield from (Path(folder, file) for file in files if file.endswith(".py"))


def _docstrings(path: Path) -> Iterator[str]:
    """The docstrings of a module, its classes and its functions, in order."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return  # A template or a file for another Python.
    nodes = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    for node in sorted(nodes, key=lambda node: getattr(node, "lineno", 0)):
        text = ast.get_docstring(node, clean=False)
        if text:
            yield inspect.cleandoc(text)


def extract_sentences(text: str) -> Iterator[str]:
    """The prose in documentation; code, tables and lists of parameters are left out."""
    for paragraph in _paragraphs(text):
        for sentence in _split(_plain(paragraph)):
            if _is_prose(sentence):
                yield sentence


def _paragraphs(text: str) -> Iterator[str]:
    """Runs of lines that stand together; a step in indentation or a bullet begins another."""
    lines: list[str] = []
    indent = None
    for line in [*text.expandtabs().splitlines(), ""]:
        stripped = line.strip()
        depth = len(line) - len(line.lstrip())
        begins = bool(re.match(r"(?:[*•\-+o]|\d+[.)]|\[\d+\])\s", stripped))
        if lines and (not stripped or begins or (depth != indent and len(lines) > 1)):
            yield " ".join(lines)
            lines = []
        if stripped and not _is_markup(stripped):
            lines.append(re.sub(r"^(?:[*•\-+]|\d+[.)])\s+", "", stripped))
            indent = depth


def _is_markup(line: str) -> bool:
    return (
        line.startswith((">>>", "...", "..", "+-", "|", "::=", "#", "@", "$", "%"))
        or "::=" in line
        or bool(re.fullmatch(r"[\W_]+", line))
        or bool(re.match(r":\w+.*:", line))
    )


def _plain(paragraph: str) -> str:
    """The paragraph without reST's signs."""
    text = re.sub(r":[\w:+-]+:`~?!?([^`<]+?)(?:\s*<[^>]*>)?`", r"\1", paragraph)
    text = re.sub(r"`+([^`<]+?)(?:\s*<[^>]*>)?`+_{0,2}", r"\1", text)
    text = re.sub(r"\*\*([^*\s][^*]*)\*\*|(?<!\w)\*([A-Za-z_][^*\s]*)\*(?!\w)", r"\1\2", text)
    text = re.sub(r'(?<!\w)"([\w.()]+)"(?!\w)', r"\1", text)
    text = re.sub(r"\s*\[\d+\]_?", "", text)
    return re.sub(r"\s+", " ", text.replace("::", ":")).strip()


def _split(text: str) -> Iterator[str]:
    """Sentences end at a full stop, question or exclamation mark before a capital."""
    begin = 0
    for match in re.finditer(r"[.?!]['\")\]]*\s+(?=[A-Z\"'(])", text):
        end = match.end()
        if _ABBREVIATION.search(text[begin:end].rstrip()):
            continue
        yield text[begin:end].strip()
        begin = end
    if begin < len(text):
        yield text[begin:].strip()


def _is_prose(sentence: str) -> bool:
    """Whether this reads as a sentence: a capital, an end, and words for the most part."""
    words = sentence.split()
    if not 4 <= len(words) <= 60 or not re.match(r"[A-Z\"'(]", sentence):
        return False
    if not re.search(r"[.?!:]['\")\]]*$", sentence):
        return False
    plain = sum(bool(re.fullmatch(r"[(\"']*[A-Za-z][a-z'-]*[)\"',.;:?!]*", word)) for word in words)
    strange = sum(sentence.count(sign) for sign in "=<>{}[]|\\/@#$%^&*~_")
    return plain >= 0.7 * len(words) and strange <= 0.04 * len(sentence)
