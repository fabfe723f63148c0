"""What inspecting tells of texts whose every property is known."""

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


def looked_at(kind, folder, change=lambda spec: None, examples=3):
    spec = kind(folder)
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

    return looked_at(small_run.bert, folder, change)


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

    return looked_at(small_run.transformer, folder, change)


def test_documents_sentences_and_what_stands_twice_are_counted(documents):
    text = documents["train"]["text"]
    assert (text["documents"], text["sentences"]) == (3, 6)
    assert text["empty_lines"] == 2
    assert "empty lines between documents: 2\n" in as_text(documents)
    assert text["duplicates"] == {"documents": 1, "sentences": 3}


def test_oddities_are_told_with_their_first_place(documents):
    odd = documents["train"]["text"]["odd"]
    assert set(odd) == {"control characters", "wrongly decoded text"}
    assert odd["control characters"]["lines"] == 1
    file, _, rest = odd["control characters"]["first"].partition(":5: ")
    assert file.endswith("/mine.txt")
    assert "holds" in rest


def test_lengths_and_unknown_tokens_are_those_of_the_tokens(documents):
    side = documents["train"]["tokens"]["sentences"]
    lengths = side["lengths"]
    assert sum(one["count"] for one in lengths["histogram"]) == 6
    assert lengths["longest"] == max(one["to"] for one in lengths["histogram"])
    assert side["count"] == pytest.approx(6 * lengths["mean"])
    assert side["unknown_share"] == 0
    assert documents["validation"]["tokens"]["sentences"]["unknown_share"] > 0


def test_examples_are_shown_as_the_model_sees_them(documents):
    (example, *_) = documents["train"]["examples"]
    assert example["token_ids"].startswith("[CLS] ")
    assert example["token_ids"].endswith(" [SEP]")
    assert example["masked_lm is to guess"]


def test_pairs_copies_and_outliers_are_counted(pairs):
    text = pairs["train"]["text"]
    assert text["pairs"] == 24
    assert text["left_out"] == {"empty side": 1}
    assert text["source_equals_target"] == 2
    assert text["duplicates"] == {"pairs": 1, "sources": 1, "targets": 1}
    ratio = pairs["train"]["tokens"]["ratio"]
    assert ratio["median"] == pytest.approx(1, abs=0.05)
    assert ratio["outliers"] == 2
    assert {one["pair"] for one in ratio["worst"]} == {23, 24}
    ends = {one["place"].rpartition("/")[2] for one in ratio["worst"]}
    assert {end.partition(":")[2] for end in ends} == {"24", "25"}  # One before them is left out.


def test_an_oddity_on_either_side_is_told_at_its_line(tmp_path):
    (tmp_path / "source").write_text("a\n\nb\x07\nc\n")
    (tmp_path / "target").write_text("a\nx\nb\nc\ufffd\n")
    source, target = str(tmp_path / "source"), str(tmp_path / "target")
    facts = text_facts(Parallel(type="parallel", source=source, target=target))
    assert facts["odd"]["control characters"]["first"].startswith(f"{source}:3, source: ")
    assert facts["odd"]["replacement characters"]["first"].startswith(f"{source}:4, target: ")


@pytest.mark.parametrize("part", ["data", "tokenizer", "training"])
def test_a_part_that_is_not_there_is_told(part, tmp_path):
    with pytest.raises(UserError, match=f"inspecting needs '{part}' in the spec"):
        looked_at(small_run.bert, tmp_path, lambda spec: spec.pop(part))


def test_text_with_nothing_to_guess_is_told(tmp_path):
    (tmp_path / "unknown.txt").write_text("\u4e2d\u6587 \u5199\n\u5b57\n", encoding="utf-8")

    def change(spec):
        spec["data"]["validation"] = {"type": "lines", "files": [str(tmp_path / "unknown.txt")]}
        spec["objectives"].pop("next_sentence")
        spec["model"].pop("pooler")

    with pytest.raises(UserError, match=r"^data\.validation: no batch contains a target for"):
        looked_at(small_run.bert, tmp_path, change)


def test_what_batching_costs_is_told(pairs):
    batches = pairs["train"]["batches"]
    assert batches["examples"] == 22
    assert batches["left_out"] == {
        "pairs dropped because they are longer than data.sequence_length (48 tokens)": 2
    }
    assert list(batches["left_out_share"].values()) == [2 / 24]
    assert "left out (8.33%)" in as_text(pairs)
    assert 0 <= batches["padding_share"] < 0.3
    assert batches["shapes"] <= batches["batches"]


@pytest.mark.parametrize("name", ["documents", "pairs"])
def test_the_text_tells_what_the_numbers_do(name, request):
    found = request.getfixturevalue(name)
    text = as_text(found)
    for split, facts in found.items():
        assert f"data.{split}\n" in text
        assert f"{facts['batches']['batches']:,} an epoch" in text
        assert f"{facts['text']['characters']:,} characters" in text
    json.dumps(found)
