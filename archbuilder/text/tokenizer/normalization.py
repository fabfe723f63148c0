"""Normalization of text before tokenization: Unicode forms, case, accents and symbols."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import normalizers as library

UNICODE_STEPS = ("NFC", "NFKC", "NFD", "NFKD", "Lowercase", "StripAccents")
"""Normalizers of the `tokenizers` library that change no character because of another character
on the other side of a space."""


def build_normalizers(normalization: str, lowercase: bool, strip_accents: bool) -> list:
    """Return the normalizers of the `tokenizers` library, in the order of their application."""
    from tokenizers import normalizers

    steps: list = []
    if normalization != "none":
        steps.append({"nfc": normalizers.NFC, "nfkc": normalizers.NFKC}[normalization]())
    if lowercase:
        steps.append(normalizers.Lowercase())
    if strip_accents:  # Accents are separate characters only in the decomposed form.
        steps += [normalizers.NFD(), normalizers.StripAccents(), normalizers.NFC()]
    return steps


def remove_symbols(lines: Iterable[str], symbols: Sequence[str]) -> Iterable[str]:
    """Return the text between the symbols of each line, as separate strings."""
    if not symbols:
        return lines
    pattern = re.compile("|".join(map(re.escape, longest_first(symbols))))
    return (part for line in lines for part in pattern.split(line))


def longest_first(symbols: Iterable[str]) -> list[str]:
    """Return the symbols from the longest to the shortest, so that the longest match is used."""
    return sorted(symbols, key=lambda symbol: (-len(symbol), symbol))


@dataclass(frozen=True)
class TextNormalizer:
    """Normalization for the tokenizers that are implemented without a library."""

    normalization: str = "none"
    lowercase: bool = False
    strip_accents: bool = False
    symbols: tuple[str, ...] = ()

    @classmethod
    def from_saved(cls, content: dict) -> "TextNormalizer":
        """Return the normalizer of a saved vocabulary.

        Args:
            content: The JSON object in the vocabulary's file.

        Raises:
            ValueError: A setting has an invalid value.
        """
        settings: dict[str, Any] = {
            name: content[name] for name in cls.__dataclass_fields__ if name in content
        }
        symbols = settings.get("symbols", [])
        checks = {
            "lowercase must be true or false": isinstance(content["lowercase"], bool),
            "strip_accents must be true or false": settings.get("strip_accents", False) in (0, 1),
            "normalization must be none, nfc or nfkc": settings.get("normalization", "none")
            in ("none", "nfc", "nfkc"),
            "symbols must be a list of text": isinstance(symbols, list)
            and all(isinstance(symbol, str) and symbol for symbol in symbols),
        }
        for message, is_valid in checks.items():
            if not is_valid:
                raise ValueError(message)
        settings["symbols"] = tuple(symbols)
        return cls(**settings)

    def to_json(self, **tokens: Any) -> bytes:
        """Return the content of a vocabulary's file: these settings and its `tokens`."""
        return json.dumps(asdict(self) | tokens).encode()

    def normalize(self, text: str) -> str:
        """Return the normalized form of a text without symbols."""
        return self._normalizer.normalize_str(text) if self._normalizer else text

    def split_symbols(self, line: str) -> list[str]:
        """Return normalized texts at even indices and the symbols between them at odd indices."""
        if not self.symbols:
            return [self.normalize(line)]
        parts = self._pattern.split(line)
        return [part if i % 2 else self.normalize(part) for i, part in enumerate(parts)]

    @cached_property
    def _pattern(self) -> re.Pattern:
        return re.compile(f"({'|'.join(map(re.escape, longest_first(self.symbols)))})")

    @cached_property
    def _normalizer(self) -> "library.Sequence | None":
        steps = build_normalizers(self.normalization, self.lowercase, self.strip_accents)
        if not steps:
            return None
        from tokenizers import normalizers as library

        return library.Sequence(steps)
