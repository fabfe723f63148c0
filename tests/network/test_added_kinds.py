"""A kind of attention or of attention position is one file and one line of its union."""

import os
import re
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

import archbuilder
from tests.variants import tiny

ADDED = Path(__file__).parent / "added"
XPOS = {"type": "multi_head", "num_heads": 2, "positions": {"type": "xpos"}}
DIFFERENTIAL = {"type": "differential", "num_heads": 2, "positions": {"type": "rotary"}}
LATENT = {"type": "latent", "num_heads": 4, "latent_dim": 6, "key_dim": 4, "rotary_dim": 2}
CASES = [
    ("attention_positions", "xpos", "XposConfig", XPOS),
    ("attention", "differential", "DifferentialConfig", DIFFERENTIAL),
    ("attention", "latent", "LatentConfig", LATENT),
]


def package_with(folder: Path, package: str, module: str, config: str) -> Path:
    """Copy the package, and add a file and its line in the union."""
    copy = folder / "copy" / "archbuilder"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(archbuilder.__file__).parent, copy, ignore=ignored)
    shutil.copyfile(ADDED / f"{module}.py", copy / "network" / package / f"{module}.py")
    init = copy / "network" / package / "__init__.py"
    text = init.read_text(encoding="utf-8")
    if package == "attention":
        union = (
            f'Annotated[\n    MultiHeadAttentionConfig | {config}, Field(discriminator="type")\n]'
        )
        text = text.replace(
            "AnyAttention = MultiHeadAttentionConfig", f"AnyAttention = {union}"
        ).replace('"""\n\n', '"""\n\nfrom typing import Annotated\nfrom pydantic import Field\n', 1)
    else:
        text = re.sub(r"\| AlibiConfig,", f"| AlibiConfig | {config},", text)
    line = f"from archbuilder.network.{package}.{module} import {config}\n"
    init.write_text(text.replace("from archbuilder", f"{line}from archbuilder", 1), "utf-8")
    return copy.parent


def spec_with(attention: dict, alone: bool) -> dict:
    """A decoder, alone or with an encoder, with this attention in every layer."""
    spec = tiny(decoder=True)
    model = spec["model"]
    model |= {"hidden_dim": 16, "positions": {"type": "none"}}
    model["embeddings"]["dropout"] = 0.0
    for side in ("encoder", "decoder"):
        model[side] |= {"attention": deepcopy(attention), "dropout": 0.0}
    if alone:
        del model["encoder"]
        model["embeddings"]["tie"] = "output"
        spec["objectives"] = {"causal_lm": {"type": "causal_lm"}}
    return spec


@pytest.mark.parametrize(
    ("package", "module", "config", "attention"), CASES, ids=[case[1] for case in CASES]
)
def test_a_kind_is_one_file_and_one_line(package, module, config, attention, tmp_path):
    copy = package_with(tmp_path, package, module, config)
    specs = [tmp_path / "both.yaml", tmp_path / "alone.yaml"]
    for spec, alone in zip(specs, (False, True), strict=True):
        spec.write_text(yaml.safe_dump(spec_with(attention, alone)), encoding="utf-8")
    for command in ("validate", "summary"):
        run(copy, ["-m", "archbuilder", command, str(specs[0])])
    run(copy, [str(ADDED / "check.py"), *map(str, specs)])


def run(path: Path, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=path.parent,
        env=os.environ | {"PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
