"""Whatever a spec's bytes are, it is accepted, or refused with lines that name their place."""

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
def test_two_thousand_mutations_raise_nothing_but_mistakes_of_the_users(here):
    rng = random.Random(20170612)
    refused = 0
    for _ in range(2_000):
        (here / "spec.yaml").write_bytes(mutate(SPEC, rng))
        lines = _refusal([option for option in OPTIONS if rng.random() < 0.1], here)
        refused += bool(lines)
        assert len(set(lines)) == len(lines)
        for line in lines:
            assert line.startswith(("spec.yaml:", "--set "))
            assert line.isprintable()
            assert "Input should" not in line
    assert 1_000 < refused < 2_000


def _refusal(overrides, here):
    """The lines of what refuses spec.yaml; whatever can be read must read back the same, too."""
    try:
        tree = read("spec.yaml", overrides)
        (here / "resolved.yaml").write_text(tree.resolved_text(), encoding="utf-8")
        assert repr(read("resolved.yaml").to_python()) == repr(tree.to_python())
        validate_tree(tree, Toy)
    except SpecError as error:
        return error.lines
    return []
