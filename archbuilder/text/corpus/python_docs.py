"""English text that needs no download: the documentation that is part of CPython.

It consists of the topics of `help()` and the docstrings of the standard library. Modules are parsed
but not executed, and their prose is split into sentences.
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

from typing_extensions import override

from archbuilder.text.corpus.corpus import TextSource
from archbuilder.text.corpus.line_reader import ByteCounter
from archbuilder.text.corpus.skip_log import SkipLog
from archbuilder.text.record import TEXT, Record

VALIDATION_INTERVAL = 20
"""Number of documents per validation document; the others are training documents."""

_SKIPPED_FOLDERS = {
    "test",
    "tests",
    "idlelib",
    "site-packages",
    "lib2to3",
    "turtledemo",
    "ensurepip",
}
_MIN_SENTENCES = 3
_ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|etc|vs|cf|approx|resp|al|Mr|Dr|No|Fig|Sec)\.$", re.IGNORECASE
)


class PythonDocs(TextSource):
    """Documentation of the installed CPython: English documents that need no download."""

    type: Literal["python_docs"]
    split: Literal["train", "validation"] = "train"
    """Part of the documents: one in twenty is for validation, the others are for training."""

    @override
    def records(
        self, skip_log: SkipLog | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[Record]:
        """Yield each document; its location is its number."""
        for number, sentences in enumerate(documents(self.split), start=1):
            yield Record({TEXT: sentences}, self.type, number)

    @override
    def files_to_read(self) -> tuple[str, ...]:
        return ()

    @override
    def total_bytes(self) -> int | None:
        return None

    @override
    def fingerprint(self) -> str:
        text = "\n\n".join("\n".join(document) for document in documents(self.split))
        return hashlib.sha256(text.encode()).hexdigest()


@cache
def documents(split: str) -> list[list[str]]:
    """Return the documents of a split ("train" or "validation"), each a list of sentences."""
    is_validation = split == "validation"
    return [sentences for name, sentences in _documents() if _is_held_out(name) == is_validation]


@cache
def _documents() -> list[tuple[str, list[str]]]:
    """Return the name and sentences of each document; repeated sentences are removed."""
    named_documents: list[tuple[str, list[str]]] = []
    seen: set[str] = set()
    for name, text in _texts():
        sentences = []
        for sentence in extract_sentences(text):
            if sentence not in seen:
                seen.add(sentence)
                sentences.append(sentence)
        if len(sentences) >= _MIN_SENTENCES:
            named_documents.append((name, sentences))
    return named_documents


def _is_held_out(name: str) -> bool:
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "big") % VALIDATION_INTERVAL == 0


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
    """Yield the Python files below `root`, without listing site-packages, which may be huge."""
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in _SKIPPED_FOLDERS]
        yield from (Path(folder, file) for file in files if file.endswith(".py"))


def _docstrings(path: Path) -> Iterator[str]:
    """Yield the docstrings of a module, its classes and its functions, in order."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return  # The file is a template, or written for another version of Python.
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
    """Yield the sentences of documentation, without code, tables and parameter lists."""
    for paragraph in _paragraphs(text):
        for sentence in _split_sentences(_remove_markup(paragraph)):
            if _is_prose(sentence):
                yield sentence


def _paragraphs(text: str) -> Iterator[str]:
    """Yield each paragraph; a blank line, a change of indentation or a bullet starts a new one."""
    lines: list[str] = []
    indent = None
    for line in [*text.expandtabs().splitlines(), ""]:
        stripped = line.strip()
        depth = len(line) - len(line.lstrip())
        is_bullet = bool(re.match(r"(?:[*•\-+o]|\d+[.)]|\[\d+\])\s", stripped))
        if lines and (not stripped or is_bullet or (depth != indent and len(lines) > 1)):
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


def _remove_markup(paragraph: str) -> str:
    """Return the paragraph without reStructuredText markup."""
    text = re.sub(r":[\w:+-]+:`~?!?([^`<]+?)(?:\s*<[^>]*>)?`", r"\1", paragraph)
    text = re.sub(r"`+([^`<]+?)(?:\s*<[^>]*>)?`+_{0,2}", r"\1", text)
    text = re.sub(r"\*\*([^*\s][^*]*)\*\*|(?<!\w)\*([A-Za-z_][^*\s]*)\*(?!\w)", r"\1\2", text)
    text = re.sub(r'(?<!\w)"([\w.()]+)"(?!\w)', r"\1", text)
    text = re.sub(r"\s*\[\d+\]_?", "", text)
    return re.sub(r"\s+", " ", text.replace("::", ":")).strip()


def _split_sentences(text: str) -> Iterator[str]:
    """Yield sentences, which end with a period, question or exclamation mark before a capital."""
    start = 0
    for match in re.finditer(r"[.?!]['\")\]]*\s+(?=[A-Z\"'(])", text):
        end = match.end()
        if _ABBREVIATION.search(text[start:end].rstrip()):
            continue
        yield text[start:end].strip()
        start = end
    if start < len(text):
        yield text[start:].strip()


def _is_prose(sentence: str) -> bool:
    """Return whether the text is a sentence: it has a capital, an end, and mostly words."""
    words = sentence.split()
    if not 4 <= len(words) <= 60 or not re.match(r"[A-Z\"'(]", sentence):
        return False
    if not re.search(r"[.?!:]['\")\]]*$", sentence):
        return False
    num_words = sum(
        bool(re.fullmatch(r"[(\"']*[A-Za-z][a-z'-]*[)\"',.;:?!]*", word)) for word in words
    )
    num_symbols = sum(sentence.count(symbol) for symbol in "=<>{}[]|\\/@#$%^&*~_")
    return num_words >= 0.7 * len(words) and num_symbols <= 0.04 * len(sentence)
