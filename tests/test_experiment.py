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
        "tokenizer.sentinels: must be at least 8, not 7, as 'span_corruption' marks up to 7 spans "
        "of an example, and its end, with one sentinel token each",
    ),
    (
        small_run.denoiser,
        two_vocabularies,
        "objectives.span_corruption: source and target are the same text and need one "
        "vocabulary; remove model.target_vocabulary_size",
    ),
    (
        small_run.denoiser,
        no_decoder_for_the_target,
        "objectives.span_corruption: needs model.decoder, which is missing",
    ),
    (
        small_run.bert,
        packing,
        "training.batch.packing: cannot be used with 'next_sentence', "
        "which reads one pooled output per row",
    ),
    (
        small_run.bert,
        overlong_split,
        "data.overlong: must be one of truncate, drop, refuse for these objectives, not 'split'",
    ),
    (
        small_run.transformer,
        overlong_split,
        "data.overlong: must be one of drop, truncate, refuse for these objectives, not 'split'",
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
        "target_tokenizer: needs model.target_vocabulary_size, which is missing",
    ),
    (
        small_run.transformer,
        no_target_tokenizer,
        "model.target_vocabulary_size: needs target_tokenizer, which is missing",
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
