"""The texts of the project that people read, and the words that must not be in them.

    python -m tests.wording [PATH ...]

prints each use of a word of `banned_words.toml` as `file:line: text; use ...`, in the given files
and folders. Default: the whole tree.
"""

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LIST = Path(__file__).with_name("banned_words.toml")
EXCLUDED = {LIST, ROOT / "archbuilder/language/version_1.py", ROOT / "tests/language/version_1"}
"""The list of words, the names of language version 1, and specs that are written in it."""
SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".ini", ""}
SKIPPED_FOLDERS = {"runs", "typings", "build", "dist", "node_modules"}


class Text(NamedTuple):
    """A text to check: its kind in the list of words, its file, its first line, and itself."""

    kind: str
    file: Path
    line: int
    text: str


class Patterns:
    """The patterns of the list, by kind of text, each with what to write instead."""

    def __init__(self, path: Path = LIST):
        """Read the list."""
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        self.words = _compiled(table["words"], r"(?<![\w.-])(?:{})(?![\w-])")
        self.identifiers = _compiled(table["identifiers"], r"^_?(?:{})$")
        self.openings = _compiled(table["openings"], r"^(?:{})\b(?!\()")
        self.function_openings = _compiled(table["function_openings"], r"^(?:{})\b")

    def of(self, kind: str) -> list[tuple[re.Pattern, str]]:
        """Return the patterns for a kind of text, each with the advice."""
        return {
            "name": self.identifiers,
            "text": self.words,
            "comment": self.words + self.openings,
            "docstring": self.words + self.openings,
            "function docstring": self.words + self.openings + self.function_openings,
        }[kind]


def _compiled(table: dict[str, str], frame: str) -> list[tuple[re.Pattern, str]]:
    return [(re.compile(frame.format(key), re.IGNORECASE), advice) for key, advice in table.items()]


def files(paths: list[Path]) -> Iterator[Path]:
    """Yield the files of the project that people read, in the given files and folders."""
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in inside:
            parts = file.relative_to(ROOT).parts
            hidden = any(part.startswith(".") and part != ".ci" for part in parts)
            if not file.is_file() or hidden or SKIPPED_FOLDERS & set(parts[:1]):
                continue
            if not EXCLUDED & {file, *file.parents} and file.suffix in SUFFIXES:
                yield file


def texts(file: Path) -> Iterator[Text]:
    """Yield the texts of a file."""
    content = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        yield from _docstrings(file, content)
        yield from _tokens(file, content)
    elif file.suffix == ".md":
        for line, text in _paragraphs(content):
            yield Text("text", file, line, text)
    else:
        for number, line in enumerate(content.splitlines(), start=1):
            _, mark, comment = line.partition("#")
            if mark:
                yield Text("comment", file, number, comment.strip(" #!"))


def _paragraphs(content: str) -> Iterator[tuple[int, str]]:
    """Yield each paragraph as one line, with the number of its first line."""
    first, lines = 1, []
    for number, line in enumerate([*content.splitlines(), ""], start=1):
        if line.strip() and not line.lstrip().startswith(("|", "- ", "#")):
            lines.append(line.strip())
            continue
        if lines:
            yield first, " ".join(lines)
        first, lines = number + 1, []
        if line.strip():
            first, lines = number, [line.strip()]


def _docstrings(file: Path, content: str) -> Iterator[Text]:
    """Yield docstrings, those of fields included, as one line each."""
    for node in ast.walk(ast.parse(content)):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        is_function = isinstance(node, ast.FunctionDef) and not _is_property(node)
        for number, statement in enumerate(body):
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                kind = "function docstring" if is_function and not number else "docstring"
                text = " ".join(value.value.split())
                yield Text(kind, file, statement.lineno, text)


def _is_property(node: ast.FunctionDef) -> bool:
    names = {ast.unparse(decorator) for decorator in node.decorator_list}
    return any(name.endswith(("property", "fixture", ".setter")) for name in names)


def _tokens(file: Path, content: str) -> Iterator[Text]:
    """Yield comments, strings and names."""
    strings = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    defines = False
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        line = token.start[0]
        if token.type == tokenize.COMMENT:
            yield Text("comment", file, line, token.string.lstrip("#: "))
        elif token.type in strings:
            yield Text("text", file, line, " ".join(token.string.strip("frbuFRBU\"'").split()))
        elif token.type == tokenize.NAME:
            yield Text("name", file, line, token.string)
            if defines:
                yield Text("text", file, line, token.string.replace("_", " "))
        defines = token.type == tokenize.NAME and token.string in ("def", "class")


def complaints(paths: list[Path]) -> Iterator[str]:
    """Yield a line for each use of a word of the list."""
    patterns = Patterns()
    seen = set()
    for file in files(paths):
        for text in texts(file):
            for pattern, advice in patterns.of(text.kind):
                match = pattern.search(text.text)
                if match is None:
                    continue
                shown = text.text[max(match.start() - 30, 0) : match.end() + 30]
                where = f"{file.relative_to(ROOT)}:{text.line}"
                line = f"{where}: '{match[0]}' in \"{shown}\"; use {advice}"
                if line not in seen:
                    seen.add(line)
                    yield line


def main() -> int:
    """Print the complaints; return 1 if there are any."""
    lines = list(complaints([Path(name).resolve() for name in sys.argv[1:]] or [ROOT]))
    print("\n".join([*lines, f"{len(lines)} uses of banned words"]))
    return bool(lines)


if __name__ == "__main__":
    raise SystemExit(main())
