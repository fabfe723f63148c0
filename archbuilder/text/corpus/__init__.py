"""Where text comes from: documents of sentences, or sentences with their translations."""

from typing import Annotated

from pydantic import Field

from archbuilder.text.corpus.corpus import TextSource
from archbuilder.text.corpus.documents import Documents, Lines
from archbuilder.text.corpus.parallel import Parallel
from archbuilder.text.corpus.python_docs import PythonDocs
from archbuilder.text.corpus.reading import LeftOut, Reading

__all__ = [
    "Corpus",
    "Documents",
    "LeftOut",
    "Lines",
    "Parallel",
    "PythonDocs",
    "Reading",
    "TextSource",
]

Corpus = Annotated[Documents | Lines | Parallel | PythonDocs, Field(discriminator="type")]
