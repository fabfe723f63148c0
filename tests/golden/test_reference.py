"""Training computes the losses that are stored in `reference.json`."""

import json

import pytest

from tests.golden.reference import REFERENCE, measure
from tests.golden.trees import CURRENT

pytestmark = pytest.mark.slow


def test_losses_equal_the_reference(tmp_path):
    expected = json.loads(REFERENCE.read_text(encoding="utf-8"))
    measured = measure(CURRENT, tmp_path)
    assert measured.keys() == expected.keys()
    for case, records in expected.items():
        assert len(measured[case]) == len(records)
        for actual, record in zip(measured[case], records, strict=True):
            assert actual == pytest.approx(record, rel=1e-5), (case, record["step"])
