"""Mixtures of corpora."""

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


def test_corpora_are_read_in_turn_and_counted_together(tmp_path):
    first, second = lines(tmp_path, "first", "a\n\n"), lines(tmp_path, "second", "b\n\n")
    source, log = mixture({"corpus": first, "weight": 0.5}, {"corpus": second}), SkipLog()
    counter = ByteCounter()
    assert list(texts(source.records(log, counter))) == [["a"], ["b"]]
    assert skipped(log) == {"empty document": (2, f"{tmp_path}/first:2")}
    assert counter.count == source.total_bytes() == 6
    assert [weight for weight, _ in source.members()] == [0.5, 1.0]


def test_corpora_of_pairs_can_be_mixed(tmp_path):
    source, target = write(tmp_path / "source", "a\n"), write(tmp_path / "target", "A\n")
    table = one_file(tmp_path, "tsv", "en\tde\nb\tB\n", "t.tsv", source="en", target="de")
    pairs = {"type": "parallel", "source": source, "target": target}
    source = mixture({"corpus": pairs}, {"corpus": table.model_dump()})
    assert list(source.record_columns()) == ["source", "target"]
    assert list(texts(source.records())) == [("a", "A"), ("b", "B")]


def test_size_is_unknown_if_that_of_a_member_is(tmp_path):
    member = {"corpus": lines(tmp_path, "one", "a\n")}
    assert mixture(member, {"corpus": {"type": "python_docs"}}).total_bytes() is None


def test_weights_do_not_change_the_fingerprint(tmp_path):
    member = lines(tmp_path, "one", "a\n")
    once, twice = mixture({"corpus": member}), mixture({"corpus": member, "weight": 2})
    assert once.fingerprint() == twice.fingerprint()


def test_missing_file_of_a_member_is_an_error(tmp_path):
    member = {"corpus": lines(tmp_path, "one", "a\n")}
    other = {"corpus": {"type": "lines", "files": [str(tmp_path / "no")]}}
    with pytest.raises(UserError, match="/no: No such file"):
        mixture(member, other).check()


def test_mixing_documents_and_pairs_is_an_error():
    with pytest.raises(ValidationError) as error:
        mixture(
            {"corpus": {"type": "lines", "files": ["a"]}},
            {"corpus": {"type": "parallel", "source": "a", "target": "b"}},
        )
    assert "cannot mix documents and pairs: corpora[0] has documents, corpora[1] has pairs" in str(
        error.value
    )


ERRORS = {
    "{corpus: {type: lines, file: [a]}}": "corpora[0].corpus.file: unknown field; "
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


@pytest.mark.parametrize("member", ERRORS)
def test_errors_of_members_have_their_line(member, tmp_path):
    spec = small_run.bert(tmp_path)
    spec["data"]["train"] = "HERE"
    file = small_run.write(spec, tmp_path / "spec.yaml")
    text = file.read_text().replace(
        "train: HERE", f"train:\n    type: mixture\n    corpora: [\n      {member}\n    ]"
    )
    file.write_text(text)
    line = text.splitlines().index("    corpora: [") + (2 if member else 1)
    with pytest.raises(SpecError) as error:
        load(file)
    (message,) = error.value.lines
    location, _, problem = message.partition(": ")
    assert location.startswith(f"{file}:{line}:")
    assert problem == f"data.train.{ERRORS[member]}"


def test_error_for_pairs_instead_of_documents_is_at_the_type(tmp_path):
    spec = small_run.bert(tmp_path)
    member = {"corpus": {"type": "parallel", "source": "a", "target": "b"}}
    spec["data"]["train"] = {"type": "mixture", "corpora": [member]}
    with pytest.raises(SpecError) as error:
        load(small_run.write(spec, tmp_path / "spec.yaml"))
    (message,) = error.value.lines
    assert message.endswith("data.train.type: these objectives need documents, not pairs")


def test_schema_describes_the_members():
    definitions = json_schema(Experiment)["$defs"]
    assert definitions["MixtureMember"]["properties"]["weight"]["description"].startswith(
        "Average number of times that each example occurs"
    )
    corpus_schema = str(definitions["MixtureMember"]["properties"]["corpus"])
    assert "#/$defs/Tsv" in corpus_schema
    assert "#/$defs/Mixture" not in corpus_schema
