"""Preparation: tokenizers are trained once, text is tokenized once, and hashes identify both."""

import pytest

from archbuilder import UserError, load
from archbuilder.text import vocabulary_cache as module
from archbuilder.text.cache import cache_root
from archbuilder.text.prepare import ProgressListener, prepare
from tests import small_run


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ARCHBUILDER_CACHE", str(tmp_path / "cache"))


class Listener(ProgressListener):
    def __init__(self):
        self.lines, self.tasks = [], []

    def print(self, line):
        self.lines.append(line)

    def start(self, description, total):
        self.tasks.append(description)
        return lambda done: None


def experiment(folder, change=lambda spec: None, make_spec=small_run.bert):
    spec = make_spec(folder)
    change(spec)
    return load(small_run.write(spec, folder / "spec.yaml"))


def test_tokenizer_is_trained_once_per_text(tmp_path):
    first, second = Listener(), Listener()
    spec = experiment(tmp_path)
    trained = prepare(spec, first)
    assert "training the tokenizer for a vocabulary of 100 tokens" in first.lines
    again = prepare(spec, second)
    assert "training the tokenizer for a vocabulary of 100 tokens" not in second.lines
    assert again.state() == trained.state()


@pytest.mark.parametrize("change", ["text", "size", "type"])
def test_changed_text_size_or_type_trains_a_new_tokenizer(tmp_path, change):
    before = prepare(experiment(tmp_path), Listener()).vocabularies[0]

    def change_spec(spec):
        if change == "text":
            small_run.write_documents(tmp_path / "documents.txt", count=25, seed=9)
        elif change == "size":
            spec["model"]["vocabulary_size"] = 90
        else:
            spec["tokenizer"] = {"type": "characters"}

    assert (
        prepare(experiment(tmp_path, change_spec), Listener()).vocabularies[0].digest
        != before.digest
    )


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_damaged_tokenizer_is_trained_again(tmp_path, content):
    spec = experiment(tmp_path)
    before = prepare(spec, Listener()).state()
    (folder,) = (cache_root() / "tokenizers").iterdir()
    for file in list((folder / "tokenizer").iterdir()):
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
    assert prepare(spec, Listener()).state() == before


def test_tokenizer_with_a_damaged_digest_is_trained_again(tmp_path):
    spec = experiment(tmp_path)
    before = prepare(spec, Listener()).state()
    (folder,) = (cache_root() / "tokenizers").iterdir()
    (folder / "digest").write_bytes(b"\xff")
    assert prepare(spec, Listener()).state() == before


def test_separate_vocabularies_are_trained_on_source_and_target(tmp_path):
    def separate(spec):
        spec["model"] |= {"target_vocabulary_size": 40, "embeddings": {"tie": "output"}}
        spec["target_tokenizer"] = {"type": "characters"}

    spec = experiment(tmp_path, separate, small_run.transformer)
    source, target = prepare(spec, Listener()).vocabularies
    (small,), (capital,) = source.encode(["list"]), target.encode(["LIST"])
    assert source.unknown_id not in small
    assert target.unknown_id not in capital
    assert target.unknown_id in target.encode(["list"])[0]


def test_error_for_a_small_vocabulary_names_its_field(tmp_path):
    def bytes_on_one_side(spec):
        spec["model"] |= {"target_vocabulary_size": 200, "embeddings": {"tie": "output"}}
        spec["target_tokenizer"] = {"type": "bytes"}

    spec = experiment(tmp_path, bytes_on_one_side, small_run.transformer)
    with pytest.raises(UserError, match=r"^model\.target_vocabulary_size: 200 is too small"):
        prepare(spec, Listener())


def test_state_depends_on_the_content_of_files(tmp_path):
    spec = experiment(tmp_path)
    before = prepare(spec, Listener()).state()
    assert set(before) == {"data.train", "data.validation", "tokenizer", "target_tokenizer"}
    small_run.write_documents(tmp_path / "held_out.txt", count=8, seed=7)
    after = prepare(spec, Listener()).state()
    assert [name for name in before if before[name] != after[name]] == ["data.validation"]


def test_all_files_are_checked_first(tmp_path):
    spec = experiment(tmp_path)
    (tmp_path / "held_out.txt").unlink()
    listener = Listener()
    with pytest.raises(UserError, match=r"held_out\.txt: No such file or directory"):
        prepare(spec, listener)
    assert listener.lines == listener.tasks == []


@pytest.mark.parametrize("when", ["reading text for", "tokenizing data.train"])
def test_text_that_changes_during_preparation_is_an_error_and_leaves_no_tokenizer(tmp_path, when):
    class ChangeText(Listener):
        def start(self, description, total):
            if description.startswith(when):
                (tmp_path / "documents.txt").write_text("list\n\nlist file\n")
            return super().start(description, total)

    spec = experiment(tmp_path)
    with pytest.raises(UserError, match=r"documents\.txt: changed while it was read"):
        prepare(spec, ChangeText())
    if when == "reading text for":
        assert list((cache_root() / "tokenizers").glob("*")) == []


def test_tokenizer_file_of_another_size_is_an_error(tmp_path):
    vocabulary = prepare(experiment(tmp_path), Listener()).vocabularies[0]
    vocabulary.save(tmp_path / "tokenizer")

    def use_file(spec):
        spec["tokenizer"]["file"] = str(tmp_path / "tokenizer" / "vocab.txt")
        spec["model"]["vocabulary_size"] = 77

    with pytest.raises(
        UserError, match=rf"has {vocabulary.size} tokens, but model.vocabulary_size"
    ):
        prepare(experiment(tmp_path, use_file), Listener())


def test_unwritable_cache_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "cache_root", lambda: tmp_path / "documents.txt" / "cache")
    with pytest.raises(UserError, match="the tokenizer cannot be written"):
        prepare(experiment(tmp_path), Listener())


def labeled(folder, train, validation, **settings):
    """Return an experiment on tables with the given labels."""

    def change(spec):
        for split, labels in (("train", train), ("validation", validation)):
            rows = "".join(f"the list reads a file .,{label}\n" for label in labels)
            (folder / f"{split}.csv").write_text(f"text,label\n{rows}")
            table = {"type": "csv", "files": [str(folder / f"{split}.csv")], "text": "text"}
            spec["data"][split] = table | {"label": "label"}
        if settings:
            members = [{"corpus": spec["data"]["train"]}, {"corpus": spec["data"]["validation"]}]
            spec["data"] |= {"train": {"type": "mixture", "corpora": members}}
            spec["data"].pop("validation")

    return experiment(folder, change)


def test_validation_labels_are_in_the_classes_of_the_training_data(tmp_path):
    prepared = prepare(labeled(tmp_path, "cab", "cb"), Listener())
    assert prepared.splits["train"].label_names() == {"label": ("a", "b", "c")}
    ((_, tokens),) = prepared.splits["validation"].members
    assert tokens.label_names == {"label": ("a", "b", "c")}
    assert tokens.labels["label"][:].tolist() == [2, 1]
    assert "data.train: label: 3 classes, 'a', 'b', 'c'" in prepared.lines()


def test_unknown_validation_label_is_an_error(tmp_path):
    with pytest.raises(UserError) as error:
        prepare(labeled(tmp_path, "ab", "bx"), Listener())
    assert str(error.value) == (
        f"data.validation: {tmp_path}/validation.csv:3: the label 'x' is not in data.train, "
        "which has 'a', 'b'"
    )


def test_corpora_of_a_mixture_share_their_classes(tmp_path):
    prepared = prepare(labeled(tmp_path, "ca", "b", mixture=True), Listener())
    members = [tokens.labels["label"] for _, tokens in prepared.splits["train"].members]
    assert [column.names for column in members] == [("a", "b", "c")] * 2
    assert [column[:].tolist() for column in members] == [[2, 0], [1]]


def test_numbers_to_predict_have_no_classes(tmp_path):
    prepared = prepare(labeled(tmp_path, ["0.5", "1"], ["1", "2"]), Listener())
    ((_, tokens),) = prepared.splits["validation"].members
    assert tokens.labels["label"][:].tolist() == [1.0, 2.0]
    assert "data.train: label: numbers" in prepared.lines()
