"""Tokenizers trained once, texts tokenised once, and what of them a run must find again."""

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
        self.lines, self.works = [], []

    def print(self, line):
        self.lines.append(line)

    def start(self, description, total):
        self.works.append(description)
        return lambda done: None


def experiment(folder, change=lambda spec: None, kind=small_run.bert):
    spec = kind(folder)
    change(spec)
    return load(small_run.write(spec, folder / "spec.yaml"))


def test_a_tokenizer_is_trained_once_for_a_text(tmp_path):
    first, second = Listener(), Listener()
    one = experiment(tmp_path)
    trained = prepare(one, first)
    assert "training the tokenizer for a vocabulary of 100 tokens" in first.lines
    again = prepare(one, second)
    assert "training the tokenizer for a vocabulary of 100 tokens" not in second.lines
    assert again.state() == trained.state()


@pytest.mark.parametrize("change", ["text", "size", "kind"])
def test_another_text_size_or_kind_trains_another(tmp_path, change):
    before = prepare(experiment(tmp_path), Listener()).vocabularies[0]

    def changed(spec):
        if change == "text":
            small_run.write_documents(tmp_path / "documents.txt", count=25, seed=9)
        elif change == "size":
            spec["model"]["vocabulary_size"] = 90
        else:
            spec["tokenizer"] = {"type": "characters"}

    assert (
        prepare(experiment(tmp_path, changed), Listener()).vocabularies[0].digest != before.digest
    )


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_damaged_tokenizer_is_trained_again(tmp_path, content):
    one = experiment(tmp_path)
    before = prepare(one, Listener()).state()
    (folder,) = (cache_root() / "tokenizers").iterdir()
    for file in list((folder / "tokenizer").iterdir()):
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
    assert prepare(one, Listener()).state() == before


def test_a_tokenizer_with_a_damaged_digest_is_trained_again(tmp_path):
    one = experiment(tmp_path)
    before = prepare(one, Listener()).state()
    (folder,) = (cache_root() / "tokenizers").iterdir()
    (folder / "digest").write_bytes(b"\xff")
    assert prepare(one, Listener()).state() == before


def test_two_vocabularies_are_trained_on_a_side_each(tmp_path):
    def separate(spec):
        spec["model"] |= {"target_vocabulary_size": 40, "embeddings": {"tie": "output"}}
        spec["target_tokenizer"] = {"type": "characters"}

    one = experiment(tmp_path, separate, small_run.transformer)
    source, target = prepare(one, Listener()).vocabularies
    (small,), (capital,) = source.encode(["list"]), target.encode(["LIST"])
    assert source.unknown_id not in small
    assert target.unknown_id not in capital
    assert target.unknown_id in target.encode(["list"])[0]


def test_a_size_that_is_too_small_is_told_by_its_own_name(tmp_path):
    def bytes_on_one_side(spec):
        spec["model"] |= {"target_vocabulary_size": 200, "embeddings": {"tie": "output"}}
        spec["target_tokenizer"] = {"type": "bytes"}

    one = experiment(tmp_path, bytes_on_one_side, small_run.transformer)
    with pytest.raises(UserError, match=r"^model\.target_vocabulary_size: 200 is too small"):
        prepare(one, Listener())


def test_what_a_run_reads_is_known_by_its_content(tmp_path):
    one = experiment(tmp_path)
    before = prepare(one, Listener()).state()
    assert set(before) == {"data.train", "data.validation", "tokenizer", "target_tokenizer"}
    small_run.write_documents(tmp_path / "held_out.txt", count=8, seed=7)
    after = prepare(one, Listener()).state()
    assert [name for name in before if before[name] != after[name]] == ["data.validation"]


def test_every_file_is_looked_at_before_any_work(tmp_path):
    one = experiment(tmp_path)
    (tmp_path / "held_out.txt").unlink()
    listener = Listener()
    with pytest.raises(UserError, match=r"held_out\.txt: No such file or directory"):
        prepare(one, listener)
    assert listener.lines == listener.works == []


@pytest.mark.parametrize("when", ["reading text for", "tokenizing data.train"])
def test_text_that_is_changed_meanwhile_is_told_and_keeps_nothing(tmp_path, when):
    class Changing(Listener):
        def start(self, description, total):
            if description.startswith(when):
                (tmp_path / "documents.txt").write_text("list\n\nlist file\n")
            return super().start(description, total)

    one = experiment(tmp_path)
    with pytest.raises(UserError, match=r"documents\.txt: changed while it was read"):
        prepare(one, Changing())
    if when == "reading text for":
        assert list((cache_root() / "tokenizers").glob("*")) == []


def test_a_tokenizer_of_another_size_is_refused(tmp_path):
    vocabulary = prepare(experiment(tmp_path), Listener()).vocabularies[0]
    vocabulary.save(tmp_path / "tokenizer")

    def existing(spec):
        spec["tokenizer"]["file"] = str(tmp_path / "tokenizer" / "vocab.txt")
        spec["model"]["vocabulary_size"] = 77

    with pytest.raises(
        UserError, match=rf"has {vocabulary.size} tokens, but model.vocabulary_size"
    ):
        prepare(experiment(tmp_path, existing), Listener())


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "cache_root", lambda: tmp_path / "documents.txt" / "cache")
    with pytest.raises(UserError, match="the tokenizer cannot be written"):
        prepare(experiment(tmp_path), Listener())


def labeled(folder, train, validation, **settings):
    """An experiment on tables with these labels."""

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


def test_a_validation_label_that_the_training_data_lacks_is_an_error(tmp_path):
    with pytest.raises(UserError) as caught:
        prepare(labeled(tmp_path, "ab", "bx"), Listener())
    assert str(caught.value) == (
        f"data.validation: {tmp_path}/validation.csv:3: the label 'x' is not in data.train, "
        "which has 'a', 'b'"
    )


def test_the_corpora_of_a_mixture_share_their_classes(tmp_path):
    prepared = prepare(labeled(tmp_path, "ca", "b", mixture=True), Listener())
    members = [tokens.labels["label"] for _, tokens in prepared.splits["train"].members]
    assert [column.names for column in members] == [("a", "b", "c")] * 2
    assert [column[:].tolist() for column in members] == [[2, 0], [1]]


def test_numbers_to_predict_have_no_classes(tmp_path):
    prepared = prepare(labeled(tmp_path, ["0.5", "1"], ["1", "2"]), Listener())
    ((_, tokens),) = prepared.splits["validation"].members
    assert tokens.labels["label"][:].tolist() == [1.0, 2.0]
    assert "data.train: label: numbers" in prepared.lines()
