"""Location of the specs that are installed with archbuilder."""

from pathlib import Path


def shipped_specs() -> Path:
    """Return the folder of the specs: `specs` in the installed package or in the repository."""
    package = Path(__file__).resolve().parent
    installed = package / "specs"
    return installed if installed.is_dir() else package.parent / "specs"
