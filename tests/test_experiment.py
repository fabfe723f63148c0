"""Mistakes that involve several sections of a spec are reported at a line."""

import pytest

from archbuilder import load
from archbuilder.language import SpecError
from tests import small_run


def error_message(create_spec, folder, change):
    """Return the only error of a changed spec, without its location."""
    spec = create_spec(folder)
    change(spec)
    with pytest.raises(SpecError) as caught:
        load(small_run.write(spec, folder / "spec.yaml"))
    (line,) = caught.value.lines
    return line.partition(" ")[2]


def packing(spec):
    spec["training"]["batch"]["packing"] = True


def overlong_split(spec):
    spec["data"]["overlong"] = "split"


def lines_without_pairs(spec):
    spec["data"]["train"] = {"type": "lines", "files": ["text.txt"]}


def tied_tables(spec):
    spec["model"]["target_vocabulary_size"] = 40
    spec["target_tokenizer"] = {"type": "characters"}


def no_target_vocabulary_size(spec):
    spec["target_tokenizer"] = {"type": "characters"}


def no_target_tokenizer(spec):
    spec["model"] |= {"target_vocabulary_size": 40, "embeddings": {"tie": "output"}}


def no_decoder(spec):
    spec["model"]["target_vocabulary_size"] = 40
    spec["target_tokenizer"] = {"type": "characters"}


def too_few_sentinels(spec):
    spec["data"]["sequence_length"] = 128
    spec["tokenizer"]["sentinels"] = 7


def two_vocabularies(spec):
    spec["model"] |= {"target_vocabulary_size": 40, "embeddings": {"tie": "output"}}
    spec["target_tokenizer"] = {"type": "characters"}


def no_decoder_for_the_target(spec):
    del spec["model"]["decoder"]
    spec["model"]["embeddings"]["tie"] = "output"


CASES = [
    (
        small_run.denoiser,
        too_few_sentinels,
        "tokenizer.sentinels: 'span_corruption' leaves out up to 7 spans of an example, and marks "
        "each and the end with a token of its own; the tokenizer has 7: write 'sentinels: 8'",
    ),
    (
        small_run.denoiser,
        two_vocabularies,
        "objectives.span_corruption: its source and target are one text, with one vocabulary: "
        "leave out model.target_vocabulary_size",
    ),
    (
        small_run.denoiser,
        no_decoder_for_the_target,
        "objectives.span_corruption: writing a target needs model.decoder, and the model has none",
    ),
    (
        small_run.bert,
        packing,
        "training.batch.packing: 'next_sentence' reads one vector a row, "
        "and a packed row holds several examples",
    ),
    (
        small_run.bert,
        overlong_split,
        "data.overlong: these objectives' examples cannot be split: "
        "choose from truncate, drop, refuse",
    ),
    (
        small_run.transformer,
        overlong_split,
        "data.overlong: these objectives' examples cannot be split: "
        "choose from drop, truncate, refuse",
    ),
    (
        small_run.transformer,
        lines_without_pairs,
        "data.train.type: these objectives need pairs, such as type: parallel",
    ),
    (
        small_run.transformer,
        tied_tables,
        "model.embeddings.tie: two vocabularies cannot share one table; write 'output' or 'none'",
    ),
    (
        small_run.transformer,
        no_target_vocabulary_size,
        "target_tokenizer: a vocabulary of its own needs model.target_vocabulary_size",
    ),
    (
        small_run.transformer,
        no_target_tokenizer,
        "model.target_vocabulary_size: a vocabulary of its own needs target_tokenizer",
    ),
    (
        small_run.bert,
        no_decoder,
        "model.target_vocabulary_size: has no effect without a decoder; remove it",
    ),
]


@pytest.mark.parametrize(("create_spec", "change", "message"), CASES)
def test_an_error_across_sections_is_one_message(create_spec, change, message, tmp_path):
    assert error_message(create_spec, tmp_path, change) == message
