"""Export formats: one file each, and the list of them."""

from importlib import import_module

from archbuilder.errors import UserError
from archbuilder.exchange.formats.format import Format


def format_names() -> str:
    """Return the names of all formats, as they are listed in help and error messages."""
    *names, last = [format.name for format in FORMATS]
    return f"{', '.join(names)} or {last}"


def find_format(name: str) -> Format:
    """Return the format with a name. Raise UserError if there is none."""
    for format in FORMATS:
        if format.name == name:
            return format
    raise UserError(f"no format {name!r}; there are {', '.join(format.name for format in FORMATS)}")


_FILES = (
    "keras_file",
    "saved_model",
    "hugging_face",
)
FORMATS: tuple[Format, ...] = tuple(import_module(f"{__name__}.{file}").FORMAT for file in _FILES)
