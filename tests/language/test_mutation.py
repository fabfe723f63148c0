"""A file with any bytes is either accepted or rejected with error lines that have a position."""

import random

import pytest

from archbuilder.language import SpecError, read, validate_tree
from tests.language.mutation import mutate
from tests.language.toy import SPEC, Toy

OPTIONS = (
    "model.encoder.num_layers=4",
    "data.files=[a]",
    "training=null",
    "objectives.topic.type=x",
)


@pytest.mark.slow
@pytest.mark.usefixtures("unrecorded")
def test_two_thousand_mutations_raise_no_other_error_than_spec_error(here):
    rng = random.Random(20170612)
    num_rejected = 0
    for _ in range(2_000):
        (here / "spec.yaml").write_bytes(mutate(SPEC, rng))
        lines = _error_lines([option for option in OPTIONS if rng.random() < 0.1], here)
        num_rejected += bool(lines)
        assert len(set(lines)) == len(lines)
        for line in lines:
            assert line.startswith(("spec.yaml:", "--set "))
            assert line.isprintable()
            assert "Input should" not in line
    assert 1_000 < num_rejected < 2_000


def _error_lines(overrides, here):
    """Return the error lines of spec.yaml. If it can be read, check that its output is the same."""
    try:
        tree = read("spec.yaml", overrides)
        (here / "resolved.yaml").write_text(tree.resolved_text(), encoding="utf-8")
        assert repr(read("resolved.yaml").to_python()) == repr(tree.to_python())
        validate_tree(tree, Toy)
    except SpecError as error:
        return error.lines
    return []
