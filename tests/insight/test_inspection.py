"""Tests of inspection with texts of known properties."""

import json

import pytest

from archbuilder import load
from archbuilder.errors import UserError
from archbuilder.insight.inspection import as_text, inspect
from archbuilder.insight.text_facts import text_facts
from archbuilder.text.corpus import Parallel
from archbuilder.text.prepare import ProgressListener
from tests import small_run

DOCUMENTS = """\
the list reads a file .
the list reads a file .

a name holds a value .
a na\x07me holds the wrongly decoded grÃ¼n .

the list reads a file .
the list reads a file .
"""


def inspect_spec(small_spec, folder, change=lambda spec: None, examples=3):
    spec = small_spec(folder)
    change(spec)
    return inspect(load(small_run.write(spec, folder / "spec.yaml")), ProgressListener(), examples)


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documents")
    (folder / "mine.txt").write_text(DOCUMENTS, encoding="utf-8")

    def change(spec):
        spec["data"]["train"]["files"] = [str(folder / "mine.txt")]
        spec["objectives"].pop("next_sentence")
        spec["model"].pop("pooler")

    return inspect_spec(small_run.bert, folder, change)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")

    def change(spec):
        train = spec["data"]["train"]
        source = "".join(f"{'ab' * 10} {number}\n" for number in range(20))
        target = "".join(f"{'ba' * 10} {number}\n" for number in range(20))
        long = "x" * 100
        for name, text in (("source", source), ("target", target)):
            extra = {
                "source": f"same\nsame\n\n{long}\nc\n",
                "target": f"same\nsame\ny\nd\n{long}\n",
            }
            with open(train[name], "w", encoding="utf-8") as file:
                file.write(text + extra[name])

    return inspect_spec(small_run.transformer, folder, change)


def test_documents_sentences_and_duplicates_are_counted(documents):
    text = documents["train"]["text"]
    assert (text["documents"], text["sentences"]) == (3, 6)
    assert text["empty_lines"] == 2
    assert "empty lines between documents: 2\n" in as_text(documents)
    assert text["duplicates"] == {"documents": 1, "sentences": 3}


def test_suspicious_characters_are_reported_with_their_first_location(documents):
    odd = documents["train"]["text"]["suspicious"]
    assert set(odd) == {"control characters", "wrongly decoded text"}
    assert odd["control characters"]["lines"] == 1
    file, _, rest = odd["control characters"]["first"].partition(":5: ")
    assert file.endswith("/mine.txt")
    assert "holds" in rest


def test_lengths_and_unknown_tokens_are_counted(documents):
    sentences = documents["train"]["tokens"]["sentences"]
    lengths = sentences["lengths"]
    assert sum(item["count"] for item in lengths["histogram"]) == 6
    assert lengths["max"] == max(item["to"] for item in lengths["histogram"])
    assert sentences["count"] == pytest.approx(6 * lengths["mean"])
    assert sentences["unknown_fraction"] == 0
    assert documents["validation"]["tokens"]["sentences"]["unknown_fraction"] > 0


def test_examples_contain_the_inputs_and_targets_of_the_model(documents):
    (example, *_) = documents["train"]["examples"]
    assert example["token_ids"].startswith("[CLS] ")
    assert example["token_ids"].endswith(" [SEP]")
    assert example["masked_lm targets"]


def test_pairs_copies_and_outliers_are_counted(pairs):
    text = pairs["train"]["text"]
    assert text["pairs"] == 24
    assert text["skipped"] == {"empty side": 1}
    assert text["source_equals_target"] == 2
    assert text["duplicates"] == {"pairs": 1, "sources": 1, "targets": 1}
    ratio = pairs["train"]["tokens"]["ratio"]
    assert ratio["median"] == pytest.approx(1, abs=0.05)
    assert ratio["outliers"] == 2
    assert {outlier["pair"] for outlier in ratio["worst"]} == {23, 24}
    names = {outlier["location"].rpartition("/")[2] for outlier in ratio["worst"]}
    lines = {name.partition(":")[2] for name in names}
    assert lines == {"24", "25"}  # A pair before them is skipped.


def test_suspicious_characters_of_both_sides_are_reported_with_their_line(tmp_path):
    (tmp_path / "source").write_text("a\n\nb\x07\nc\n")
    (tmp_path / "target").write_text("a\nx\nb\nc\ufffd\n")
    source, target = str(tmp_path / "source"), str(tmp_path / "target")
    facts = text_facts(Parallel(type="parallel", source=source, target=target))
    assert facts["suspicious"]["control characters"]["first"].startswith(f"{source}:3, source: ")
    assert facts["suspicious"]["replacement characters"]["first"].startswith(
        f"{source}:4, target: "
    )


@pytest.mark.parametrize("section", ["data", "tokenizer", "training"])
def test_a_missing_section_is_reported(section, tmp_path):
    with pytest.raises(UserError, match=f"inspecting needs '{section}' in the spec"):
        inspect_spec(small_run.bert, tmp_path, lambda spec: spec.pop(section))


def test_text_without_targets_is_reported(tmp_path):
    (tmp_path / "unknown.txt").write_text("\u4e2d\u6587 \u5199\n\u5b57\n", encoding="utf-8")

    def change(spec):
        spec["data"]["validation"] = {"type": "lines", "files": [str(tmp_path / "unknown.txt")]}
        spec["objectives"].pop("next_sentence")
        spec["model"].pop("pooler")

    with pytest.raises(UserError, match=r"^data\.validation: no batch contains a target for"):
        inspect_spec(small_run.bert, tmp_path, change)


def test_skipped_pairs_and_padding_are_reported(pairs):
    batches = pairs["train"]["batches"]
    assert batches["examples"] == 22
    assert batches["skipped"] == {
        "pairs dropped because they are longer than data.sequence_length (48 tokens)": 2
    }
    assert list(batches["skipped_fraction"].values()) == [2 / 24]
    assert "(48 tokens) (8.33%)" in as_text(pairs)
    assert 0 <= batches["padding_fraction"] < 0.3
    assert batches["shapes"] <= batches["batches"]


@pytest.mark.parametrize("name", ["documents", "pairs"])
def test_the_text_contains_the_numbers(name, request):
    splits = request.getfixturevalue(name)
    text = as_text(splits)
    for split, facts in splits.items():
        assert f"data.{split}\n" in text
        assert f"{facts['batches']['batches']:,} per epoch" in text
        assert f"{facts['text']['characters']:,} characters" in text
    json.dumps(splits)
