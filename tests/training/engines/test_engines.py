"""Engines on a single device and on several devices, in a separate process for each engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("backend", "marker"),
    [
        ("tensorflow", "not slow"),
        ("jax", "not slow"),
        pytest.param("jax", "slow", marks=pytest.mark.slow),
    ],
)
def test_cases_pass(backend, marker):
    cases = Path(__file__).with_name("cases.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marker]
    environment = os.environ | {"KERAS_BACKEND": backend}
    done = subprocess.run([*command, str(cases)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
