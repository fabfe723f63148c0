"""Training examples: segments, segment pairs, corrupted text, and translations."""

from archbuilder.text.examples.corrupted import CorruptedSpans, NoisyText
from archbuilder.text.examples.examples import Examples, Limits, Overlong
from archbuilder.text.examples.pairs import NextPairs, OrderedPairs
from archbuilder.text.examples.segments import Segments
from archbuilder.text.examples.translations import Translations

__all__ = [
    "CorruptedSpans",
    "Examples",
    "Limits",
    "NextPairs",
    "NoisyText",
    "OrderedPairs",
    "Overlong",
    "Segments",
    "Translations",
]
