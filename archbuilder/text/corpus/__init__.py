"""Where text comes from: documents of sentences, or sentences with their translations."""

from typing import Annotated

from pydantic import Field

from archbuilder.text.corpus.arrow import HuggingFace, Parquet
from archbuilder.text.corpus.columns import Columns
from archbuilder.text.corpus.corpus import TextSource
from archbuilder.text.corpus.delimited import Csv, Tsv
from archbuilder.text.corpus.documents import Documents, Lines
from archbuilder.text.corpus.json_lines import JsonLines
from archbuilder.text.corpus.mixture import Mixture, SingleCorpus
from archbuilder.text.corpus.parallel import Parallel
from archbuilder.text.corpus.python_docs import PythonDocs
from archbuilder.text.corpus.reading import LeftOut, Reading

__all__ = [
    "Columns",
    "Corpus",
    "Csv",
    "Documents",
    "HuggingFace",
    "JsonLines",
    "LeftOut",
    "Lines",
    "Mixture",
    "Parallel",
    "Parquet",
    "PythonDocs",
    "Reading",
    "TextSource",
    "Tsv",
]

Corpus = Annotated[SingleCorpus | Mixture, Field(discriminator="type")]
