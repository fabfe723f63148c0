"""How a spec is written: its fields, its YAML with line numbers, `extends`, `--set`, its schema."""

from archbuilder.language.error_messages import near
from archbuilder.language.fix import apply_edits
from archbuilder.language.merge import Tree, read
from archbuilder.language.problems import Edit, Problem, SpecError, at_key
from archbuilder.language.saved_spec import SavedSpec
from archbuilder.language.schema import json_schema
from archbuilder.language.spec import FilePath, Named, Spec, type_names
from archbuilder.language.validation import check
from archbuilder.language.yaml_output import plain_text, written

__all__ = [
    "Edit",
    "FilePath",
    "Named",
    "Problem",
    "SavedSpec",
    "Spec",
    "SpecError",
    "Tree",
    "apply_edits",
    "at_key",
    "check",
    "json_schema",
    "near",
    "plain_text",
    "read",
    "type_names",
    "written",
]
