"""Small corpora of every type, written to files."""

import json
from pathlib import Path
from types import SimpleNamespace

from pydantic import TypeAdapter

from archbuilder.text.corpus import Corpus, SkipLog

ADAPTER = TypeAdapter(Corpus)


def corpus(**settings):
    """Return the corpus with the given settings of a spec."""
    return ADAPTER.validate_python(settings)


def texts(records):
    """Yield the text of each record: its sentences, or its source and target."""
    for record in records:
        columns = record.columns
        yield columns["text"] if "text" in columns else (columns["source"], columns["target"])


def skipped(source) -> dict:
    """Return (count, first location) of the skipped text of a log or of tokens, by reason."""
    items = source.skipped() if isinstance(source, SkipLog) else source.skipped
    return {item.reason: (item.count, str(item.first_at)) for item in items}


def write(path: Path, content: str | bytes) -> str:
    """Write a file and return its path."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def one_file(folder: Path, corpus_type: str, content: str | bytes, name: str = "text", **settings):
    """Return a corpus of one file."""
    return corpus(type=corpus_type, files=[write(folder / name, content)], **settings)


def every_type(folder: Path, last: str = "d") -> dict:
    """Return (corpus, its texts) by type; `last` is the text of the last item."""
    documents = [["a", "b"], ["é c", last]]
    pairs = [("a", "A"), ("é c", last)]
    cells = ["\n".join(document) for document in documents]
    source, target = (
        write(folder / side, "".join(f"{pair[index]}\n" for pair in pairs))
        for index, side in enumerate(("source", "target"))
    )
    plain = one_file(folder, "documents", "\n\n".join(cells), "plain")
    lines = one_file(folder, "lines", f"a\n{last}\n", "lines")
    return {
        "documents": (plain, documents),
        "lines": (lines, [["a"], [last]]),
        "parallel": (corpus(type="parallel", source=source, target=target), pairs),
        "tsv": (
            one_file(
                folder,
                "tsv",
                "no\ten\tde\n" + "".join(f"0\t{en}\t{de}\n" for en, de in pairs),
                "pairs.tsv",
                source="en",
                target="de",
            ),
            pairs,
        ),
        "csv": (
            one_file(
                folder,
                "csv",
                "no,text\n" + "".join(f'0,"{cell}"\n' for cell in cells),
                "documents.csv",
                text="text",
            ),
            documents,
        ),
        "jsonl": (
            one_file(
                folder,
                "jsonl",
                "".join(json.dumps({"text": cell}) + "\n" for cell in cells),
                "documents.jsonl",
                text="text",
            ),
            documents,
        ),
        "parquet": (parquet(folder / "pairs.parquet", pairs), pairs),
        "hugging_face": (
            corpus(type="hugging_face", path=str(folder / "set"), text="text"),
            documents,
        ),
        "columns": (
            one_file(
                folder,
                "columns",
                f"-DOCSTART- -X-\n\na X\n\nb X\n\n-DOCSTART- -X-\n\né X\nc X\n\n{last} X\n",
                "columns",
            ),
            documents,
        ),
        "mixture": (
            corpus(
                type="mixture",
                corpora=[
                    {"weight": 2, "corpus": plain.model_dump()},
                    {"corpus": lines.model_dump()},
                ],
            ),
            [*documents, ["a"], [last]],
        ),
    }


def parquet(path: Path, pairs: list):
    """Return a Parquet corpus whose pairs are fields of structs."""
    import pyarrow
    from pyarrow import parquet

    rows = [{"translation": {"en": en, "de": de}, "no": 1} for en, de in pairs]
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return corpus(
        type="parquet", files=[str(path)], source="translation.en", target="translation.de"
    )


class StubData:
    """Stub of `datasets.Dataset` for a list of dictionaries."""

    def __init__(self, rows):
        self.rows, self.column_names = rows, list(rows[0])

    def flatten(self):
        return self

    def select_columns(self, names):
        return StubData([{name: row[name] for name in names} for row in self.rows])

    def iter(self, batch_size):
        for start in range(0, len(self.rows), batch_size):
            rows = self.rows[start : start + batch_size]
            yield {name: [row[name] for row in rows] for name in self.column_names}


def stub_datasets(load_dataset) -> SimpleNamespace:
    """Return a stub of the library `datasets` with the given function."""
    return SimpleNamespace(load_dataset=load_dataset)
