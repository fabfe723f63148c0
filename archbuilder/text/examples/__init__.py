"""How text becomes examples: segments of documents, pairs of segments, a source with its target."""

from archbuilder.text.examples.examples import Examples, Limits, Overlong
from archbuilder.text.examples.pairs import NextPairs, OrderedPairs
from archbuilder.text.examples.segments import Segments
from archbuilder.text.examples.translations import Translations

__all__ = [
    "Examples",
    "Limits",
    "NextPairs",
    "OrderedPairs",
    "Overlong",
    "Segments",
    "Translations",
]
