"""The JSON schema completes and explains each key, in specs that are only part of one, too."""

import json
import subprocess
import sys

from archbuilder.language import Spec, json_schema
from tests.language.toy import Toy

SCHEMA = json_schema(Toy)


def test_every_field_and_class_is_described_by_its_docstring():
    assert SCHEMA["description"] == "A spec of the toy language."
    assert SCHEMA["properties"]["name"]["description"] == "What it is called."
    heads = SCHEMA["$defs"]["MultiHead"]
    assert heads["description"] == "Every head its own keys."
    assert heads["properties"]["num_heads"]["description"] == "Heads; they divide `hidden_dim`."
    assert SCHEMA["$defs"]["Stack"]["properties"]["attention"]["description"] == (
        "How tokens look at each other."
    )


def test_the_dialect_is_named_and_the_schema_is_json():
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(SCHEMA, allow_nan=False)) == SCHEMA


def test_a_spec_that_extends_another_may_be_partial():
    assert '"required"' not in json.dumps(SCHEMA)
    assert '"oneOf"' not in json.dumps(SCHEMA)
    assert next(iter(SCHEMA["properties"])) == "extends"


def test_null_may_stand_for_any_field_but_a_type():
    assert SCHEMA["properties"]["name"]["type"] == ["string", "null"]
    assert SCHEMA["$defs"]["MultiHead"]["properties"]["type"] == {
        "const": "multi_head",
        "type": "string",
    }


def test_names_of_objectives_are_completed():
    objectives = SCHEMA["properties"]["objectives"]
    assert list(objectives["properties"]) == ["masked_lm", "classification"]
    first = {"anyOf": [{"$ref": "#/$defs/MaskedLM"}, {"type": "null"}]}
    assert objectives["properties"]["masked_lm"] == first
    assert {"$ref": "#/$defs/Classification"} in objectives["additionalProperties"]["anyOf"]


def test_unknown_fields_are_marked_and_tuples_are_arrays():
    assert SCHEMA["additionalProperties"] is False
    files = SCHEMA["$defs"]["Data"]["properties"]["files"]["anyOf"]
    assert {"type": "array", "items": {"type": "string"}} in files


def test_changes_to_layers_complete_the_fields_of_a_layer():
    changes = SCHEMA["$defs"]["Stack"]["properties"]["overrides"]["items"]
    assert list(changes["properties"]) == ["attention", "feed_forward", "dropout", "layers"]
    assert changes["properties"]["layers"]["description"] == "A slice."


def test_a_class_without_source_has_a_schema_without_descriptions():
    made = type(Spec)("Made", (Spec,), {"__annotations__": {"a": int}, "__module__": __name__})
    assert json_schema(made)["properties"]["a"] == {"type": ["integer", "null"]}


def test_reading_specs_loads_no_framework():
    code = (
        "import sys, archbuilder.language\n"
        "heavy = {'keras', 'tensorflow', 'numpy', 'torch', 'jax', 'rich', 'typer'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
