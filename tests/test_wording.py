from tests.wording import ROOT, Patterns, Text, complaints, texts


def test_no_text_has_a_banned_word():
    assert not list(complaints([ROOT]))


def _matches(kind, text):
    return any(pattern.search(text) for pattern, _ in Patterns().of(kind))


def test_every_kind_of_text_is_checked():
    assert _matches("text", "2 unless t" + "old")
    assert _matches("comment", "What is left")
    assert _matches("function docstring", "The number of tokens.")
    assert _matches("name", "found")
    assert not _matches("function docstring", "Return the number of tokens; 'sos' stands for one.")
    assert not _matches("name", "founder")


def test_texts_of_a_module_are_split_by_kind(tmp_path):
    file = tmp_path / "module.py"
    file.write_text(
        '"""Doc."""\n\n\ndef place():\n    """The value."""\n    return "text"  # note\n'
    )
    seen = {(text.kind, text.text) for text in texts(file)}
    assert {("docstring", "Doc."), ("name", "place"), ("comment", "note")} <= seen
    assert ("function docstring", "The value.") in seen
    assert Text("text", file, 6, "text") in set(texts(file))


def test_the_words_of_a_defined_name_are_checked(tmp_path):
    file = tmp_path / "module.py"
    file.write_text("def test_a_run_is_" + "t" + "old(): ...\n")
    assert Text("text", file, 1, "test a run is " + "t" + "old") in set(texts(file))
