"""Several corpora as one."""

import pytest
from pydantic import ValidationError

from archbuilder.errors import UserError
from archbuilder.experiment import Experiment, load
from archbuilder.language import SpecError, json_schema
from archbuilder.text.corpus import ByteCounter, SkipLog
from tests import small_run
from tests.text.corpus.sample_corpora import corpus, one_file, skipped, texts, write


def mixture(*members):
    return corpus(type="mixture", corpora=list(members))


def lines(folder, name, content):
    return {"type": "lines", "files": [write(folder / name, content)]}


def test_its_corpora_are_read_one_after_another_and_counted_together(tmp_path):
    one, other = lines(tmp_path, "one", "a\n\n"), lines(tmp_path, "other", "b\n\n")
    found, log = mixture({"corpus": one, "weight": 0.5}, {"corpus": other}), SkipLog()
    counter = ByteCounter()
    assert list(texts(found.records(log, counter))) == [["a"], ["b"]]
    assert skipped(log) == {"empty document": (2, f"{tmp_path}/one:2")}
    assert counter.count == found.total_bytes() == 6
    assert [weight for weight, _ in found.members()] == [0.5, 1.0]


def test_pairs_mix_as_documents_do(tmp_path):
    source, target = write(tmp_path / "source", "a\n"), write(tmp_path / "target", "A\n")
    table = one_file(tmp_path, "tsv", "en\tde\nb\tB\n", "t.tsv", source="en", target="de")
    pairs = {"type": "parallel", "source": source, "target": target}
    found = mixture({"corpus": pairs}, {"corpus": table.model_dump()})
    assert list(found.record_columns()) == ["source", "target"]
    assert list(texts(found.records())) == [("a", "A"), ("b", "B")]


def test_its_size_is_unknown_where_that_of_one_is(tmp_path):
    one = {"corpus": lines(tmp_path, "one", "a\n")}
    assert mixture(one, {"corpus": {"type": "python_docs"}}).total_bytes() is None


def test_weights_do_not_change_what_is_read(tmp_path):
    one = lines(tmp_path, "one", "a\n")
    once, twice = mixture({"corpus": one}), mixture({"corpus": one, "weight": 2})
    assert once.fingerprint() == twice.fingerprint()


def test_a_file_that_is_missing_in_one_of_them_is_told(tmp_path):
    one = {"corpus": lines(tmp_path, "one", "a\n")}
    other = {"corpus": {"type": "lines", "files": [str(tmp_path / "no")]}}
    with pytest.raises(UserError, match="/no: No such file"):
        mixture(one, other).check()


def test_documents_and_pairs_do_not_mix():
    with pytest.raises(ValidationError) as caught:
        mixture(
            {"corpus": {"type": "lines", "files": ["a"]}},
            {"corpus": {"type": "parallel", "source": "a", "target": "b"}},
        )
    assert "cannot mix documents and pairs: corpora[0] has documents, corpora[1] has pairs" in str(
        caught.value
    )


MISTAKES = {
    "{corpus: {type: lines, fils: [a]}}": "corpora[0].corpus.fils: unknown field; "
    "did you mean 'files'?",
    "{corpus: {type: lines, files: []}}": "corpora[0].corpus.files: must name at least one file",
    "{corpus: {type: csv, files: [a]}}": "corpora[0].corpus: must have either "
    "'text', for documents, or 'source' and 'target', for pairs",
    "{corpus: {type: lines, files: [a]}, weight: 0}": "corpora[0].weight: must be more than 0, "
    "not 0",
    "{corpus: {type: lines, files: [a]}, weight: 1e+9}": "corpora[0].weight: must be at most "
    "1000, not 1e+9",
    "{corpus: {type: mixture, corpora: []}}": "corpora[0].corpus.type: must be one of documents, "
    "lines, parallel, tsv, csv, jsonl, parquet, hugging_face, columns, python_docs, not 'mixture'",
    "{weight: 1}": "corpora[0].corpus: missing required field",
    "": "corpora: must contain at least one corpus",
}


@pytest.mark.parametrize("written", MISTAKES)
def test_a_mistake_within_is_told_at_its_line(written, tmp_path):
    spec = small_run.bert(tmp_path)
    spec["data"]["train"] = "HERE"
    file = small_run.write(spec, tmp_path / "spec.yaml")
    text = file.read_text().replace(
        "train: HERE", f"train:\n    type: mixture\n    corpora: [\n      {written}\n    ]"
    )
    file.write_text(text)
    line = text.splitlines().index("    corpora: [") + (2 if written else 1)
    with pytest.raises(SpecError) as caught:
        load(file)
    (found,) = caught.value.lines
    place, _, sentence = found.partition(": ")
    assert place.startswith(f"{file}:{line}:")
    assert sentence == f"data.train.{MISTAKES[written]}"


def test_pairs_where_documents_are_needed_are_told_at_the_type(tmp_path):
    spec = small_run.bert(tmp_path)
    part = {"corpus": {"type": "parallel", "source": "a", "target": "b"}}
    spec["data"]["train"] = {"type": "mixture", "corpora": [part]}
    with pytest.raises(SpecError) as caught:
        load(small_run.write(spec, tmp_path / "spec.yaml"))
    (found,) = caught.value.lines
    assert found.endswith("data.train.type: these objectives need documents, not pairs")


def test_the_schema_completes_what_is_within():
    definitions = json_schema(Experiment)["$defs"]
    assert definitions["MixtureMember"]["properties"]["weight"]["description"].startswith(
        "Number of times that each"
    )
    within = str(definitions["MixtureMember"]["properties"]["corpus"])
    assert "#/$defs/Tsv" in within
    assert "#/$defs/Mixture" not in within
