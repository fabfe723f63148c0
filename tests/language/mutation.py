"""Random errors in the text of a spec, as people, editors, merges and disks produce them."""

import re
from collections.abc import Callable
from random import Random

# fmt: off
VALUES = (
    "0", "-1", "1e-4", ".5", "04", "0x10", "1_000", ".inf", "-.INF", ".nan", "1e999", "4.0", "'4'",
    "9" * 400, "yes", "off", "true", "null", "~", "2024-01-01", "multi_head", "relu",
    "[]", "{}", "[[]]", "[1, 2]", "{a: 1}", "{type: x}",
    "*stack", "*none", "&x", "&x,", "!!str", "!!int", "!foo", "!", "<<:", "|", ">", "@", "`", "%",
    "#", "''", "?", "-", ":", "::", "---", "...", r'"\q"', r'"\UFFFFFFFF"', r'"\ud800"', r'"\0"',
    "$HOME", "${NO_SUCH}", "${}", "~user/x",
)
# fmt: on
CHARACTERS = "\t\r\n\0\x01\x7f\x85\xa0\u2028\ufeff\ufffeé😀{}[]:,#&*!|>'\"%@`?-~<= \\"


def mutate(text: str, rng: Random) -> bytes:
    """Return the text with one to four random mutations, as the bytes of a file."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        text = rng.choice(TEXT_MUTATIONS)(text, rng)
    data = text.encode("utf-8", "surrogatepass")
    return rng.choice(BYTE_MUTATIONS)(data, rng) if rng.random() < 0.15 else data


def replace_value(text: str, rng: Random) -> str:
    return _replace(text, r"(?<=: )[^\s,{}\[\]]+", rng.choice(VALUES), rng)


def replace_key(text: str, rng: Random) -> str:
    return _replace(
        text, r"[A-Za-z_]+(?=:)", rng.choice((*VALUES, "type", "extends", "<<", "a.b")), rng
    )


def misspell_key(text: str, rng: Random) -> str:
    return _replace(text, r"(?<=[a-z])[a-z](?=[a-z_]*:)", rng.choice(("", "x", "_")), rng)


def drop_line(text: str, rng: Random) -> str:
    lines = text.splitlines(keepends=True)
    if lines:
        del lines[rng.randrange(len(lines))]
    return "".join(lines)


def repeat_line(text: str, rng: Random) -> str:
    lines = text.splitlines(keepends=True)
    if lines:
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
    return "".join(lines)


def swap_lines(text: str, rng: Random) -> str:
    lines = text.splitlines(keepends=True)
    if lines:
        first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
        lines[first], lines[second] = lines[second], lines[first]
    return "".join(lines)


def indent_line(text: str, rng: Random) -> str:
    return _replace(
        text, r"^ *", rng.choice(("", " ", "  ", "   ", "\t", " \t", "- ", "- - ")), rng
    )


def insert_character(text: str, rng: Random) -> str:
    index = rng.randrange(len(text) + 1)
    return text[:index] + rng.choice(CHARACTERS) * rng.choice((1, 1, 2, 100)) + text[index:]


def delete_span(text: str, rng: Random) -> str:
    index = rng.randrange(len(text) + 1)
    return text[:index] + text[index + rng.randrange(1, 30) :]


def truncate(text: str, rng: Random) -> str:
    return text[: rng.randrange(len(text) + 1)]


def nest(text: str, rng: Random) -> str:
    depth = rng.choice((3, 60, 70, 3000))
    opening = rng.choice(("[", "{a: ", "- ", "? ", "[{a: "))
    return _replace(text, r"(?<=: )[^\s,{}\[\]]+", opening * depth, rng)


def alias(text: str, rng: Random) -> str:
    anchored = _replace(text, r"(?<=: )(?=\S)", "&m ", rng)
    return _replace(anchored, r"(?<=: )[^\s,{}\[\]]+", "*m", rng)


def bomb(text: str, rng: Random) -> str:
    levels = ["b0: &b0 [x]"]
    for level in range(1, rng.choice((3, 9))):
        levels.append(f"b{level}: &b{level} [{', '.join([f'*b{level - 1}'] * 9)}]")
    return text + "\n" + "\n".join(levels) + "\n"


def second_document(text: str, rng: Random) -> str:
    return (
        text
        + rng.choice(("---\n", "...\n", "---\na: 1\n", "...\n---\n", "%YAML 1.1\n---\n"))
        + text
    )


def extend(text: str, rng: Random) -> str:
    target = rng.choice(
        ("no.yaml", ".", "..", "/", "''", "5", "[]", "[[]]", "{}", "null", "/dev/null")
    )
    return f"extends: {target}\n{text}"


def flip_byte(data: bytes, rng: Random) -> bytes:
    index = rng.randrange(len(data) + 1)
    return data[:index] + bytes([rng.randrange(256)]) + data[index + 1 :]


def random_bytes(data: bytes, rng: Random) -> bytes:
    return rng.randbytes(rng.randrange(200))


def encode(data: bytes, rng: Random) -> bytes:
    text = data.decode("utf-8", "replace")
    return text.encode(
        rng.choice(("utf-16", "utf-16-be", "utf-32", "utf-8-sig", "cp1252")), "replace"
    )


TEXT_MUTATIONS: tuple[Callable[[str, Random], str], ...] = (
    *(replace_value, replace_key, misspell_key, drop_line, repeat_line, swap_lines, indent_line),
    *(insert_character, delete_span, truncate, nest, alias, bomb, second_document, extend),
)
BYTE_MUTATIONS = (flip_byte, random_bytes, encode)


def _replace(text: str, pattern: str, new: str, rng: Random) -> str:
    """Replace a random match of the pattern."""
    matches = list(re.finditer(pattern, text, re.MULTILINE))
    if not matches:
        return text
    match = rng.choice(matches)
    return text[: match.start()] + new + text[match.end() :]
