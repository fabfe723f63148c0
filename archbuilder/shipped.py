"""The specs that archbuilder installs."""

from pathlib import Path


def shipped_specs() -> Path:
    """Return the folder of the shipped specs, in the installed package or in the checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "specs"
    return installed if installed.is_dir() else package.parent / "specs"
