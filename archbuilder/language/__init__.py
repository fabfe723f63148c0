"""How a spec is written: its fields, its YAML with line numbers, `extends`, `--set`, its schema."""

from archbuilder.language.merge import Tree, read, shipped_specs
from archbuilder.language.mistake import Mistake, SpecError, under
from archbuilder.language.report import check
from archbuilder.language.resolved import plain_text, written
from archbuilder.language.schema import json_schema
from archbuilder.language.spec import FilePath, Spec, named

__all__ = [
    "FilePath",
    "Mistake",
    "Spec",
    "SpecError",
    "Tree",
    "check",
    "json_schema",
    "named",
    "plain_text",
    "read",
    "shipped_specs",
    "under",
    "written",
]
