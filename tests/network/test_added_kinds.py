"""A new type of attention or attention position is one file and one line in its union."""

from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from tests.package_copy import PackageCopy
from tests.variants import tiny

pytestmark = pytest.mark.slow

ADDED = Path(__file__).parent / "added"
XPOS = {"type": "multi_head", "num_heads": 2, "positions": {"type": "xpos"}}
DIFFERENTIAL = {"type": "differential", "num_heads": 2, "positions": {"type": "rotary"}}
LATENT = {"type": "latent", "num_heads": 4, "latent_dim": 6, "key_dim": 4, "rotary_dim": 2}
CASES = [
    ("attention_positions", "xpos", "XposConfig", XPOS),
    ("attention", "differential", "DifferentialConfig", DIFFERENTIAL),
    ("attention", "latent", "LatentConfig", LATENT),
]

LAST_IMPORTED = {"attention": "multi_head", "attention_positions": "t5"}
"""The module that each union imports last."""


def package_with(folder: Path, package: str, module: str, config: str) -> PackageCopy:
    """Copy the package, and add a file and its line in the union."""
    copy = PackageCopy(folder / "copy")
    content = (ADDED / f"{module}.py").read_text(encoding="utf-8")
    copy.add_file(f"network/{package}/{module}.py", content)
    init = f"network/{package}/__init__.py"
    imports = f"from archbuilder.network.{package}.{module} import {config}\n"
    if package == "attention":
        imports += "from typing import Annotated\nfrom pydantic import Field\n"
        union = f'Annotated[MultiHeadAttentionConfig | {config}, Field(discriminator="type")]'
        before = "AnyAttention = MultiHeadAttentionConfig"
        copy.edit_line(init, before, f"AnyAttention = {union}")
    else:
        copy.edit_line(init, "| AlibiConfig,", f"| AlibiConfig | {config},")
    last = f"from archbuilder.network.{package}.{LAST_IMPORTED[package]}"
    copy.edit_line(init, last, imports + last)
    return copy


def spec_with(attention: dict, alone: bool) -> dict:
    """Return the spec of a decoder or an encoder-decoder with this attention in every layer."""
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
def test_a_new_type_needs_one_file_and_one_line(package, module, config, attention, tmp_path):
    copy = package_with(tmp_path, package, module, config)
    specs = [tmp_path / "both.yaml", tmp_path / "alone.yaml"]
    for spec, alone in zip(specs, (False, True), strict=True):
        spec.write_text(yaml.safe_dump(spec_with(attention, alone)), encoding="utf-8")
    for command in ("validate", "summary"):
        copy.archbuild(command, specs[0], cwd=tmp_path)
    process = copy.run(ADDED / "check.py", *specs, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
