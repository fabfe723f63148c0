"""What a folder holds is taken whole; what a spec cannot say is refused by its name."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from archbuilder.errors import UserError
from archbuilder.exchange.export_model import write_folder
from archbuilder.exchange.import_model import read_folder
from archbuilder.experiment import Experiment
from archbuilder.text.tokenizer import WordPiece

SPEC = {
    "name": "small",
    "model": {
        "hidden_dim": 8,
        "vocabulary_size": 20,
        "embeddings": {
            "tie": "output",
            "num_segments": 2,
            "norm": {"type": "layer_norm", "epsilon": 1e-12},
        },
        "positions": {"type": "learned", "max_sequence_length": 16},
        "encoder": {
            "num_layers": 2,
            "attention": {"type": "multi_head", "num_heads": 2},
            "feed_forward": {"type": "mlp", "intermediate_dim": 12, "activation": "gelu"},
            "norm": {"type": "layer_norm", "epsilon": 1e-12},
        },
        "pooler": {"type": "first_token"},
    },
    "objectives": {"guess": {"type": "masked_lm"}, "next_sentence": {}},
}
NO_TOKENIZER = "{}: holds no tokenizer: the model reads ids, and no lines of text"
EXPERIMENT = Experiment.model_validate(SPEC)


def weights_of(experiment):
    draw = np.random.default_rng(0)
    return {
        f"{layer}/{name}": draw.normal(size=shape).astype("float32")
        for layer, parts in experiment.parameter_counter().weights.items()
        for name, shape in parts.items()
    }


WEIGHTS = weights_of(EXPERIMENT)


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "bert", EXPERIMENT, WEIGHTS, None)
    return tmp_path / "bert"


def arrays(folder):
    return load_file(folder / "model.safetensors")


def put(folder, found):
    save_file(found, folder / "model.safetensors")


def by_type(path):
    return path.replace("guess", "masked_lm", 1)


def same(found, expected=WEIGHTS):
    assert set(found) == {by_type(path) for path in expected}
    for path, array in expected.items():
        np.testing.assert_array_equal(found[by_type(path)], array)


def test_what_was_written_is_read_again(folder):
    found = read_folder(folder, "again")
    same(found.weights)
    assert list(found.experiment.objectives) == ["masked_lm", "next_sentence"]
    assert found.vocabularies is None
    assert found.not_imported == [NO_TOKENIZER.format(folder)]


def test_weights_may_lie_in_several_files(folder):
    whole = arrays(folder)
    names = sorted(whole)
    files = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, own in files.items():
        save_file({name: whole[name] for name in own}, folder / file)
    index = {"weight_map": {name: file for file, own in files.items() for name in own}}
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    same(read_folder(folder, "again").weights)
    (folder / "two.safetensors").unlink()
    with pytest.raises(UserError, match=r"two\.safetensors: is not there, though"):
        read_folder(folder, "again")


def test_older_names_of_norms_and_copies_of_tied_tables_are_known(folder):
    found = arrays(folder)
    older = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("Norm.bias", "Norm.beta"): array
        for name, array in found.items()
    }
    assert older.keys() != found.keys()
    older["cls.predictions.decoder.weight"] = found["bert.embeddings.word_embeddings.weight"]
    older["bert.embeddings.position_ids"] = np.arange(16)[None]
    put(folder, older)
    read = read_folder(folder, "again")
    same(read.weights)
    assert read.not_imported == [NO_TOKENIZER.format(folder)]


def test_a_body_without_heads_has_no_objectives(folder):
    bare = {
        name.removeprefix("bert."): array
        for name, array in arrays(folder).items()
        if name.startswith("bert.")
    }
    put(folder, bare)
    read = read_folder(folder, "again")
    assert read.experiment.objectives == {}
    assert read.experiment.model.pooler is not None
    heads = ("guess", "next_sentence")
    same(read.weights, {p: array for p, array in WEIGHTS.items() if not p.startswith(heads)})


def test_heads_that_are_no_objectives_are_left_out_and_named(folder):
    found = arrays(folder) | {"classifier.weight": np.ones((3, 8), "float32")}
    for name in ("cls.seq_relationship.weight", "cls.seq_relationship.bias"):
        del found[name]
    put(folder, found)
    read = read_folder(folder, "again")
    assert list(read.experiment.objectives) == ["masked_lm"]
    assert read.experiment.model.pooler is None
    assert read.not_imported == [
        "no objective reads the weights bert.pooler.dense.bias",
        "no objective reads the weights bert.pooler.dense.weight",
        "no objective reads the weights classifier.weight",
        NO_TOKENIZER.format(folder),
    ]


def test_a_tokenizer_that_cannot_be_read_is_named_and_the_model_taken(folder):
    (folder / "source.spm").write_text("")
    found = read_folder(folder, "again")
    same(found.weights)
    assert found.not_imported == [
        f"{folder}/source.spm: is of no tokenizer that can be read; tokenizer.json would: "
        "the model reads ids, and no lines of text"
    ]


def without(name):
    return lambda found: found.pop(name)


def wider(found):
    found["bert.encoder.layer.1.intermediate.dense.weight"] = np.ones((13, 8), "float32")


def turned(found):
    name = "bert.encoder.layer.1.intermediate.dense.weight"
    found[name] = np.ascontiguousarray(found[name].T)


def no_numbers(found):
    found["bert.pooler.dense.bias"][3] = np.nan


def counts(found):
    found["bert.pooler.dense.bias"] = np.ones(8, "int32")


def bare_number(found):
    found["bert.pooler.dense.bias"] = np.array(1.0, "float32")


def other_output(found):
    table = found["bert.embeddings.word_embeddings.weight"]
    found["cls.predictions.decoder.weight"] = table + 1


def stranger(found):
    found["bert.encoder.layer.0.adapter.weight"] = np.ones(3, "float32")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            without("bert.encoder.layer.1.output.dense.bias"),
            "has no weights 'bert.encoder.layer.1.output.dense.bias', which config.json implies",
        ),
        (
            wider,
            "the weights 'bert.encoder.layer.1.intermediate.dense.weight' are [13, 8], which is "
            "not what config.json implies",
        ),
        (
            turned,
            "the weights 'bert.encoder.layer.1.intermediate.dense.weight' are [8, 12], which is "
            "not what config.json implies",
        ),
        (
            other_output,
            "the weights 'cls.predictions.decoder.weight' are others than config.json ties them to",
        ),
        (no_numbers, "the weights 'bert.pooler.dense.bias' hold what is no number"),
        (
            bare_number,
            "the weights 'bert.pooler.dense.bias' are [], which is not what config.json implies",
        ),
        (stranger, "the weights 'bert.encoder.layer.0.adapter.weight' have no place in a spec"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(folder, change, sentence):
    found = arrays(folder)
    change(found)
    put(folder, found)
    with pytest.raises(UserError) as caught:
        read_folder(folder, "again")
    assert str(caught.value) == f"{folder}: {sentence}"


def test_a_tokenizer_larger_than_the_model_is_left_out_and_told_of(folder):
    vocabulary = WordPiece(type="wordpiece").train(iter(["many words are here to be cut"]), 40)
    (folder / "tokenizer.json").write_bytes(vocabulary.files["tokenizer.json"])
    found = read_folder(folder, "again")
    assert found.vocabularies is None
    (told,) = found.not_imported
    assert told.startswith(f"{folder}: its tokenizer has {vocabulary.size} tokens, its model 20:")


def test_weights_that_are_no_fractions_are_refused_by_name(folder):
    found = arrays(folder)
    counts(found)
    put(folder, found)
    with pytest.raises(UserError, match=r"'bert\.pooler\.dense\.bias' are I32, which is not read"):
        read_folder(folder, "again")


@pytest.mark.parametrize("map", [None, ["one"], {"a": ["one"]}])
def test_an_index_that_names_no_files_is_told_of(folder, map):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": map}))
    with pytest.raises(UserError, match="its weight_map is none of names and files"):
        read_folder(folder, "again")


def cut(folder):
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-10])


def only_pickled(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda folder: (folder / "config.json").unlink(), r"config\.json: No such file"),
        (lambda folder: (folder / "config.json").write_text("{"), r"config\.json: not JSON"),
        (lambda folder: (folder / "config.json").write_text("[" * 100_000), r"config\.json: not J"),
        (lambda folder: (folder / "config.json").write_text("[]"), r"config\.json: holds no obj"),
        (cut, r"model\.safetensors: cannot be read"),
        (only_pickled, r"has no model\.safetensors; pytorch_model\.bin may hold code: save the"),
    ],
)
def test_a_folder_that_cannot_be_read_is_told_of(folder, damage, sentence):
    damage(folder)
    with pytest.raises(UserError, match=sentence):
        read_folder(folder, "again")
