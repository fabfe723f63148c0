"""Tests of importing Hugging Face folders: complete import, or an error that names the problem."""

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
    "objectives": {"words": {"type": "masked_lm"}, "next_sentence": {}},
}
NO_TOKENIZER = "{}: contains no tokenizer; imported without a tokenizer, so it cannot process text"
EXPERIMENT = Experiment.model_validate(SPEC)


def weights_of(experiment):
    random = np.random.default_rng(0)
    return {
        f"{layer}/{name}": random.normal(size=shape).astype("float32")
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


def save_arrays(folder, changed):
    save_file(changed, folder / "model.safetensors")


def imported_path(path):
    return path.replace("words", "masked_lm", 1)


def assert_equal_weights(actual, expected=WEIGHTS):
    assert set(actual) == {imported_path(path) for path in expected}
    for path, array in expected.items():
        np.testing.assert_array_equal(actual[imported_path(path)], array)


def test_imported_weights_equal_the_exported_ones(folder):
    imported = read_folder(folder, "imported")
    assert_equal_weights(imported.weights)
    assert list(imported.experiment.objectives) == ["masked_lm", "next_sentence"]
    assert imported.vocabularies is None
    assert imported.not_imported == [NO_TOKENIZER.format(folder)]


def test_weights_in_several_files_are_imported(folder):
    all_arrays = arrays(folder)
    names = sorted(all_arrays)
    files = {"first.safetensors": names[::2], "second.safetensors": names[1::2]}
    for file, file_names in files.items():
        save_file({name: all_arrays[name] for name in file_names}, folder / file)
    index = {"weight_map": {name: file for file, names in files.items() for name in names}}
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert_equal_weights(read_folder(folder, "imported").weights)
    (folder / "second.safetensors").unlink()
    with pytest.raises(UserError, match=r"second\.safetensors: no such file, but .* lists it"):
        read_folder(folder, "imported")


def test_older_names_of_norms_and_copies_of_tied_tables_are_supported(folder):
    current = arrays(folder)
    older = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("Norm.bias", "Norm.beta"): array
        for name, array in current.items()
    }
    assert older.keys() != current.keys()
    older["cls.predictions.decoder.weight"] = current["bert.embeddings.word_embeddings.weight"]
    older["bert.embeddings.position_ids"] = np.arange(16)[None]
    save_arrays(folder, older)
    imported = read_folder(folder, "imported")
    assert_equal_weights(imported.weights)
    assert imported.not_imported == [NO_TOKENIZER.format(folder)]


def test_a_body_without_heads_has_no_objectives(folder):
    body = {
        name.removeprefix("bert."): array
        for name, array in arrays(folder).items()
        if name.startswith("bert.")
    }
    save_arrays(folder, body)
    imported = read_folder(folder, "imported")
    assert imported.experiment.objectives == {}
    assert imported.experiment.model.pooler is not None
    heads = ("words", "next_sentence")
    assert_equal_weights(
        imported.weights, {p: array for p, array in WEIGHTS.items() if not p.startswith(heads)}
    )


def test_heads_without_an_objective_are_skipped_and_reported(folder):
    changed = arrays(folder) | {"classifier.weight": np.ones((3, 8), "float32")}
    for name in ("cls.seq_relationship.weight", "cls.seq_relationship.bias"):
        del changed[name]
    save_arrays(folder, changed)
    imported = read_folder(folder, "imported")
    assert list(imported.experiment.objectives) == ["masked_lm"]
    assert imported.experiment.model.pooler is None
    assert imported.not_imported == [
        "skipped weights bert.pooler.dense.bias: no objective uses them",
        "skipped weights bert.pooler.dense.weight: no objective uses them",
        "skipped weights classifier.weight: no objective uses them",
        NO_TOKENIZER.format(folder),
    ]


def test_an_unsupported_tokenizer_is_reported_and_the_model_imported(folder):
    (folder / "source.spm").write_text("")
    imported = read_folder(folder, "imported")
    assert_equal_weights(imported.weights)
    assert imported.not_imported == [
        f"{folder}/source.spm: unsupported tokenizer file; save it as tokenizer.json; "
        "imported without a tokenizer, so it cannot process text"
    ]


def without(name):
    return lambda changed: changed.pop(name)


def wider(changed):
    changed["bert.encoder.layer.1.intermediate.dense.weight"] = np.ones((13, 8), "float32")


def transposed(changed):
    name = "bert.encoder.layer.1.intermediate.dense.weight"
    changed[name] = np.ascontiguousarray(changed[name].T)


def not_finite(changed):
    changed["bert.pooler.dense.bias"][3] = np.nan


def integers(changed):
    changed["bert.pooler.dense.bias"] = np.ones(8, "int32")


def scalar(changed):
    changed["bert.pooler.dense.bias"] = np.array(1.0, "float32")


def untied_output(changed):
    table = changed["bert.embeddings.word_embeddings.weight"]
    changed["cls.predictions.decoder.weight"] = table + 1


def additional(changed):
    changed["bert.encoder.layer.0.adapter.weight"] = np.ones(3, "float32")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            without("bert.encoder.layer.1.output.dense.bias"),
            "weights 'bert.encoder.layer.1.output.dense.bias' are missing; config.json requires "
            "them",
        ),
        (
            wider,
            "weights 'bert.encoder.layer.1.intermediate.dense.weight' have the shape [13, 8], "
            "which does not match config.json",
        ),
        (
            transposed,
            "weights 'bert.encoder.layer.1.intermediate.dense.weight' have the shape [8, 12], "
            "which does not match config.json",
        ),
        (
            untied_output,
            "weights 'cls.predictions.decoder.weight' differ from the weights that config.json "
            "ties them to",
        ),
        (not_finite, "weights 'bert.pooler.dense.bias' contain NaN or infinity"),
        (
            scalar,
            "weights 'bert.pooler.dense.bias' have the shape [], which does not match config.json",
        ),
        (additional, "unsupported weights 'bert.encoder.layer.0.adapter.weight'"),
    ],
)
def test_invalid_weights_are_rejected_by_name(folder, change, message):
    changed = arrays(folder)
    change(changed)
    save_arrays(folder, changed)
    with pytest.raises(UserError) as caught:
        read_folder(folder, "imported")
    assert str(caught.value) == f"{folder}: {message}"


def test_a_tokenizer_larger_than_the_model_is_skipped_and_reported(folder):
    vocabulary = WordPiece(type="wordpiece").train(iter(["many words are here to be split"]), 40)
    (folder / "tokenizer.json").write_bytes(vocabulary.files["tokenizer.json"])
    imported = read_folder(folder, "imported")
    assert imported.vocabularies is None
    (note,) = imported.not_imported
    size = vocabulary.size
    assert note.startswith(
        f"{folder}: the tokenizer has {size} tokens, more than the model's vocabulary size, 20;"
    )


def test_integer_weights_are_rejected_by_name(folder):
    changed = arrays(folder)
    integers(changed)
    save_arrays(folder, changed)
    message = r"'bert\.pooler\.dense\.bias' have the unsupported dtype I32; expected a float dtype"
    with pytest.raises(UserError, match=message):
        read_folder(folder, "imported")


@pytest.mark.parametrize("weight_map", [None, ["file"], {"a": ["file"]}])
def test_an_invalid_index_is_rejected(folder, weight_map):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(UserError, match="'weight_map' must map names of weights to file names"):
        read_folder(folder, "imported")


def truncate(folder):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-10])


def only_pickled(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), r"config\.json: No such file"),
        (lambda folder: (folder / "config.json").write_text("{"), r"config\.json: invalid JSON"),
        (
            lambda folder: (folder / "config.json").write_text("[" * 100_000),
            r"config\.json: invalid JSON",
        ),
        (lambda folder: (folder / "config.json").write_text("[]"), r"config\.json: expected a"),
        (truncate, r"model\.safetensors: cannot be read"),
        (
            only_pickled,
            r"no model\.safetensors; pytorch_model\.bin is not supported, as it may contain code",
        ),
    ],
)
def test_an_unreadable_folder_is_rejected(folder, damage, message):
    damage(folder)
    with pytest.raises(UserError, match=message):
        read_folder(folder, "imported")
