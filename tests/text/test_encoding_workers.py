"""Worker processes: their imports, output and signals do not depend on the parent process."""

import os

import numpy as np

from archbuilder.text.encoding_workers import _Worker, encode_jobs
from archbuilder.text.tokenizer import Characters, WordPiece

VOCABULARY = WordPiece(type="wordpiece").train(["ab abb"], 20)
LINES = ["ab abb", "b"]


def encode_in_workers():
    ((_, ((ids, counts),)),) = encode_jobs([("job", [LINES])], [VOCABULARY], 2)
    return ids.tolist(), counts.tolist()


def encode_here():
    ids, counts = VOCABULARY.encode_arrays(LINES)
    return ids.tolist(), counts.tolist()


def test_files_in_the_working_folder_are_not_imported(tmp_path, monkeypatch):
    for name in ("tokenizers", "numpy", "archbuilder"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    assert encode_in_workers() == encode_here()


def test_printed_text_does_not_change_results(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("print('hello')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert encode_in_workers() == encode_here()


def test_workers_are_in_their_own_process_group():
    worker = _Worker([Characters(type="characters").train(["abc"], 20)])
    try:
        assert os.getpgid(worker._process.pid) != os.getpgid(0)
        ((ids, _),) = worker.encode([["abc"]])
        np.testing.assert_array_equal(ids, [5, 6, 7])
    finally:
        worker.stop()
