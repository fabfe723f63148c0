"""What is done to a text before it is cut: Unicode's forms, case, accents, symbols set apart."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import normalizers as library

UNICODE_STEPS = ("NFC", "NFKC", "NFD", "NFKD", "Lowercase", "StripAccents")
"""The library's steps that change characters, and never for the sake of one beyond a space."""


def normalizers(normalization: str, lowercase: bool, strip_accents: bool) -> list:
    """The steps, each of the `tokenizers` library, in the order in which they are taken."""
    from tokenizers import normalizers

    steps: list = []
    if normalization != "none":
        steps.append({"nfc": normalizers.NFC, "nfkc": normalizers.NFKC}[normalization]())
    if lowercase:
        steps.append(normalizers.Lowercase())
    if strip_accents:  # Accents stand by themselves only in the decomposed form.
        steps += [normalizers.NFD(), normalizers.StripAccents(), normalizers.NFC()]
    return steps


def between_symbols(lines: Iterable[str], symbols: Sequence[str]) -> Iterable[str]:
    """The text that is left of the lines where the symbols are taken out."""
    if not symbols:
        return lines
    pattern = re.compile("|".join(map(re.escape, by_length(symbols))))
    return (part for line in lines for part in pattern.split(line))


def by_length(symbols: Iterable[str]) -> list[str]:
    """The longest first, as of two symbols that fit the longer one is meant."""
    return sorted(symbols, key=lambda symbol: (-len(symbol), symbol))


@dataclass(frozen=True)
class Reading:
    """How text is read by those tokenizers that no library applies."""

    normalization: str = "none"
    lowercase: bool = False
    strip_accents: bool = False
    symbols: tuple[str, ...] = ()

    @classmethod
    def of(cls, content: dict) -> "Reading":
        """What stands in a saved vocabulary; raises `ValueError` where that is none."""
        known: dict[str, Any] = {
            name: content[name] for name in cls.__dataclass_fields__ if name in content
        }
        symbols = known.get("symbols", [])
        sound = {
            "lowercase must be true or false": isinstance(content["lowercase"], bool),
            "strip_accents must be true or false": known.get("strip_accents", False) in (0, 1),
            "normalization must be none, nfc or nfkc": known.get("normalization", "none")
            in ("none", "nfc", "nfkc"),
            "symbols must be a list of text": isinstance(symbols, list)
            and all(isinstance(one, str) and one for one in symbols),
        }
        for sentence, holds in sound.items():
            if not holds:
                raise ValueError(sentence)
        known["symbols"] = tuple(symbols)
        return cls(**known)

    def saved(self, **tokens: Any) -> bytes:
        """Return the content of a vocabulary's file: these settings and its `tokens`."""
        return json.dumps(asdict(self) | tokens).encode()

    def normal(self, text: str) -> str:
        """A text without symbols, as its tokens are looked up."""
        return self._normalizer.normalize_str(text) if self._normalizer else text

    def parts(self, line: str) -> list[str]:
        """Text and symbols by turns: text first and last, normalised, empty where none is."""
        if not self.symbols:
            return [self.normal(line)]
        parts = self._pattern.split(line)
        return [part if i % 2 else self.normal(part) for i, part in enumerate(parts)]

    @cached_property
    def _pattern(self) -> re.Pattern:
        return re.compile(f"({'|'.join(map(re.escape, by_length(self.symbols)))})")

    @cached_property
    def _normalizer(self) -> "library.Sequence | None":
        steps = normalizers(self.normalization, self.lowercase, self.strip_accents)
        if not steps:
            return None
        from tokenizers import normalizers as library

        return library.Sequence(steps)
