"""Metrics are read as they were written, and the metrics of repeated steps are removed."""

import json

import pytest

from archbuilder import UserError
from archbuilder.runs.metrics_log import MetricsLog, MetricsTable, Series, read_metrics

RECORDS = [
    {"step": 1, "loss": 3.0, "gradient_norm": None},
    {"step": 2, "loss": 2.5, "gradient_norm": 1.0},
    {"step": 2, "validation_loss": 2.75},
    {"step": 4, "loss": 2.0, "gradient_norm": 0.5},
    {"step": 4, "validation_loss": 2.25},
]


@pytest.fixture
def path(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    for record in RECORDS:
        log.append(record)
    return log.path


def test_records_become_rows_with_a_value_for_each_column(path):
    assert read_metrics(path) == MetricsTable(
        ("step", "loss", "gradient_norm", "validation_loss"),
        (
            (1, 3.0, None, None),
            (2, 2.5, 1.0, None),
            (2, None, None, 2.75),
            (4, 2.0, 0.5, None),
            (4, None, None, 2.25),
        ),
    )


def test_a_series_has_only_the_steps_with_a_value(path):
    table = read_metrics(path)
    assert table.training("loss") == Series((1, 2, 4), (3.0, 2.5, 2.0))
    assert table.training("gradient_norm") == Series((2, 4), (1.0, 0.5))
    assert table.validation("loss") == Series((2, 4), (2.75, 2.25))
    assert table.training("unknown") == Series((), ())
    assert table.training_metrics() == ("loss", "gradient_norm")
    assert table.validation_metrics() == ("loss",)


@pytest.mark.parametrize("rest", ['{"step": 5, "lo', '{"step"', "{"])
def test_an_incomplete_last_line_is_skipped(path, rest):
    before = read_metrics(path)
    with open(path, "a") as file:
        file.write(rest)
    assert read_metrics(path) == before


@pytest.mark.parametrize("line", ['{"step": 5, "lo', '{"loss": 1.0}', "[]", '{"step": "5"}'])
def test_any_other_invalid_line_is_an_error(path, line):
    with open(path, "a") as file:
        file.write(f'{line}\n{{"step": 6}}\n')
    with pytest.raises(UserError, match=r"metrics.jsonl:6: must be a JSON object"):
        read_metrics(path)


def test_a_missing_file_is_an_error_and_an_empty_one_is_not(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_metrics(tmp_path / "metrics.jsonl")
    (tmp_path / "metrics.jsonl").touch()
    assert read_metrics(tmp_path / "metrics.jsonl") == MetricsTable(("step",), ())


def test_truncate_removes_the_records_after_a_step(path):
    MetricsLog(path).truncate(2)
    assert [json.loads(line) for line in path.read_text().splitlines()] == RECORDS[:3]


def test_truncate_removes_invalid_lines(path):
    with open(path, "ab") as file:
        file.write(b'\xff\xfe\n{"step": null}\n{"step": "one"}\n[]\n{"step": 1, "loss"\n')
    MetricsLog(path).truncate(9)
    assert [json.loads(line) for line in path.read_text().splitlines()] == RECORDS


def test_truncate_ignores_a_missing_file(tmp_path):
    MetricsLog(tmp_path / "metrics.jsonl").truncate(1)
    assert list(tmp_path.iterdir()) == []
