"""Export formats: one file each, and the list of them."""

from importlib import import_module

from archbuilder.errors import UserError
from archbuilder.exchange.formats.format import Format


def format_names() -> str:
    """Return the names of all formats as a phrase for the help text."""
    *names, last = [export_format.name for export_format in FORMATS]
    return f"{', '.join(names)} or {last}"


def find_format(name: str) -> Format:
    """Return the format with a name. Raise UserError if it does not exist."""
    for export_format in FORMATS:
        if export_format.name == name:
            return export_format
    names = ", ".join(export_format.name for export_format in FORMATS)
    raise UserError(f"unknown export format {name!r}; use one of {names}")


_FILES = (
    "keras_file",
    "saved_model",
    "hugging_face",
)
FORMATS: tuple[Format, ...] = tuple(import_module(f"{__name__}.{file}").FORMAT for file in _FILES)
