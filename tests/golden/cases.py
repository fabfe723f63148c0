"""Small specs that are trained with each tree."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from archbuilder.experiment import fix_names
from tests.golden.generated_text import write_documents, write_parallel
from tests.golden.trees import backend_setting, environment, has_version_2, run_commands

SPECS = Path(__file__).with_name("specs")

QUICK_COMPILATION = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
"""XLA flags that halve the time of a comparison, most of which is compilation."""

CASES = tuple(sorted(path.stem for path in SPECS.glob("*.yaml")))
"""Names of the cases, one for each objective or pair of objectives; their specs have comments."""


def write_specs(folder: Path) -> Path:
    """Write the specs and their text to `folder`; return the folder of the specs."""
    specs = folder / "specs"
    shutil.copytree(SPECS, specs)
    text = specs / "text"
    text.mkdir()
    write_documents(text / "train.txt", 12_000)
    write_documents(text / "validation.txt", 2_000, seed=1)
    write_parallel(text / "train", 120)
    write_parallel(text / "validation", 20, seed=1)
    return specs


def train(
    tree: Path, engine: str, specs: Path, folder: Path, cases: Sequence[str] = CASES
) -> dict[str, Path]:
    """Train the cases with `tree` and return the run folder of each.

    Args:
        tree: Source tree.
        engine: Keras backend, "tensorflow" or "jax".
        specs: Folder that `write_specs` returned; its specs are rewritten for version 2 of the
            language if the tree has it.
        folder: Empty folder for the runs and the cache.
        cases: Names of the cases.
    """
    runs = {case: folder / case for case in cases}
    folder.mkdir(parents=True, exist_ok=True)
    if has_version_2(tree):
        tree_specs = Path(shutil.copytree(specs, folder / "specs"))
        for case in cases:
            fix_names(tree_specs / f"{case}.yaml")
    else:
        tree_specs = specs
    setting = f"{backend_setting(tree)}={engine}"
    commands = [
        ["train", f"{tree_specs / case}.yaml", "--run", str(run), "--set", setting]
        for case, run in runs.items()
    ]
    variables = environment(tree, folder / "cache", engine)
    variables["XLA_FLAGS"] += f" {QUICK_COMPILATION}"
    variables |= _compilation_cache(specs.with_name("compiled"))
    run_commands(commands, tree, variables, folder)
    return runs


def _compilation_cache(folder: Path) -> dict[str, str]:
    """Return the settings of JAX that let trees share equal compiled programs."""
    return {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
