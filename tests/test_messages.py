from tests.messages import DOCUMENT, document, listed, recorded, shortened, template


def test_messages_that_differ_in_names_and_numbers_are_the_same():
    first = template(shortened("a.yaml:3:5: model.hidden_dim: must be at least 1, not -2"))
    assert first == template(
        shortened("/tmp/b.yaml:4:1: training.steps: must be at least 8, not 0")
    )
    assert template("unknown field; did you mean 'a'?") == template(
        "unknown field; did you mean 'b'?"
    )
    assert template("must be an integer") != template("must be a number")


def test_folders_and_positions_are_not_listed():
    assert shortened("/tmp/x/spec.yaml:3:5: name: must be text") == "name: must be text"
    assert shortened("/tmp/x/text.txt: is empty") == "text.txt: is empty"
    assert shortened("a\0b: is empty") == "a\\x00b: is empty"


def test_the_shortest_example_of_all_processes_is_listed(tmp_path):
    (tmp_path / "1.json").write_text('{"k": "longer", "l": "other"}')
    (tmp_path / "2.json").write_text('{"k": "short"}')
    assert recorded(tmp_path) == {"k": "short", "l": "other"}


def test_the_document_is_sorted_and_complete():
    assert document(listed()) == DOCUMENT.read_text(encoding="utf-8")
