"""The JSON schema describes each key, and accepts specs without required fields."""

import json
import subprocess
import sys

from archbuilder.language import Spec, json_schema
from tests.language.toy import Toy

SCHEMA = json_schema(Toy)


def test_fields_and_classes_are_described_by_their_docstrings():
    assert SCHEMA["description"] == "A spec of the toy language."
    assert SCHEMA["properties"]["name"]["description"] == "The name of the spec."
    heads = SCHEMA["$defs"]["MultiHead"]
    assert heads["description"] == "Attention in which each head has its own keys."
    assert (
        heads["properties"]["num_heads"]["description"]
        == "Number of heads, which divides `hidden_dim`."
    )
    assert SCHEMA["$defs"]["Stack"]["properties"]["attention"]["description"] == (
        "The attention sublayer."
    )


def test_schema_is_json_and_names_its_dialect():
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(SCHEMA, allow_nan=False)) == SCHEMA


def test_no_field_is_required():
    assert '"required"' not in json.dumps(SCHEMA)
    assert '"oneOf"' not in json.dumps(SCHEMA)
    assert next(iter(SCHEMA["properties"])) == "extends"


def test_null_is_valid_for_every_field_except_type():
    assert SCHEMA["properties"]["name"]["type"] == ["string", "null"]
    assert SCHEMA["$defs"]["MultiHead"]["properties"]["type"] == {
        "const": "multi_head",
        "type": "string",
    }


def test_names_of_objectives_are_properties():
    objectives = SCHEMA["properties"]["objectives"]
    assert list(objectives["properties"]) == ["masked_lm", "classification"]
    first = {"anyOf": [{"$ref": "#/$defs/MaskedLM"}, {"type": "null"}]}
    assert objectives["properties"]["masked_lm"] == first
    assert {"$ref": "#/$defs/Classification"} in objectives["additionalProperties"]["anyOf"]


def test_unknown_fields_are_invalid_and_tuples_are_arrays():
    assert SCHEMA["additionalProperties"] is False
    files = SCHEMA["$defs"]["Data"]["properties"]["files"]["anyOf"]
    assert {"type": "array", "items": {"type": "string"}} in files


def test_overrides_have_the_fields_of_a_layer():
    overrides = SCHEMA["$defs"]["Stack"]["properties"]["overrides"]["items"]
    assert list(overrides["properties"]) == ["attention", "feed_forward", "dropout", "layers"]
    assert overrides["properties"]["layers"]["description"] == "Slice of layer indices."


def test_class_without_source_has_a_schema_without_descriptions():
    cls = type(Spec)(
        "Interactive", (Spec,), {"__annotations__": {"a": int}, "__module__": __name__}
    )
    assert json_schema(cls)["properties"]["a"] == {"type": ["integer", "null"]}


def test_import_of_the_language_does_not_import_a_framework():
    code = (
        "import sys, archbuilder.language\n"
        "heavy = {'keras', 'tensorflow', 'numpy', 'torch', 'jax', 'rich', 'typer'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
