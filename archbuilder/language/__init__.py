"""The spec language: fields, YAML with line numbers, `extends`, `--set`, and the JSON schema."""

from archbuilder.language.error_messages import closest_name
from archbuilder.language.fix import apply_edits
from archbuilder.language.merge import Tree, read
from archbuilder.language.problems import Edit, Problem, SpecError, at_key
from archbuilder.language.saved_spec import SavedSpec
from archbuilder.language.schema import json_schema
from archbuilder.language.spec import FilePath, SettingsByName, Spec, type_names
from archbuilder.language.validation import validate_tree
from archbuilder.language.yaml_output import format_scalar, to_yaml

__all__ = [
    "Edit",
    "FilePath",
    "Problem",
    "SavedSpec",
    "SettingsByName",
    "Spec",
    "SpecError",
    "Tree",
    "apply_edits",
    "at_key",
    "closest_name",
    "format_scalar",
    "json_schema",
    "read",
    "to_yaml",
    "type_names",
    "validate_tree",
]
