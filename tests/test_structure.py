"""The structure of the package: short files and functions, and no import cycles."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import archbuilder

PACKAGE = Path(archbuilder.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_FILE_LINES, MAX_FUNCTION_LINES = 300, 40


def test_no_file_is_longer_than_300_lines():
    lengths = {name(file): len(file.read_text().splitlines()) for file in FILES}
    assert {file: length for file, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_40_lines():
    lengths = {
        f"{name(file)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {item: length for item, length in lengths.items() if length > MAX_FUNCTION_LINES} == {}


def test_packages_have_no_import_cycle():
    packages: dict[str, set[str]] = {}
    for file in FILES:
        package = top_level(".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts))
        packages.setdefault(package, set()).update(imported(file) - {package})
    order = list(TopologicalSorter(packages).static_order())  # Raises CycleError.
    assert len(order) == len(packages)


def imported(file: Path) -> set[str]:
    """Return the top-level packages and modules of archbuilder that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "archbuilder":
            names |= {f"archbuilder.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} has a relative import"
            names.add(node.module or "")
    return {top_level(module) for module in names if module.startswith("archbuilder.")}


def top_level(module: str) -> str:
    return module.split(".")[1]


def name(file: Path) -> str:
    return str(file.relative_to(PACKAGE.parent))
