"""Corpora: documents of sentences or pairs of texts, optionally with labels."""

from typing import Annotated

from pydantic import Field

from archbuilder.text.corpus.arrow import HuggingFace, Parquet
from archbuilder.text.corpus.columns import Columns
from archbuilder.text.corpus.corpus import TextSource
from archbuilder.text.corpus.delimited import Csv, Tsv
from archbuilder.text.corpus.documents import Documents, Lines
from archbuilder.text.corpus.json_lines import JsonLines
from archbuilder.text.corpus.line_reader import ByteCounter
from archbuilder.text.corpus.mixture import Mixture, SingleCorpus
from archbuilder.text.corpus.parallel import Parallel
from archbuilder.text.corpus.python_docs import PythonDocs
from archbuilder.text.corpus.skip_log import SkipLog

__all__ = [
    "ByteCounter",
    "Columns",
    "Corpus",
    "Csv",
    "Documents",
    "HuggingFace",
    "JsonLines",
    "Lines",
    "Mixture",
    "Parallel",
    "Parquet",
    "PythonDocs",
    "SkipLog",
    "TextSource",
    "Tsv",
]

Corpus = Annotated[SingleCorpus | Mixture, Field(discriminator="type")]
