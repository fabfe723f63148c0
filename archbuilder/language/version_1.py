"""Names of version 1 of the spec language that have other names in version 2.

The first release that people could install had version 2; `archbuild validate --fix` rewrites specs
of version 1 by these tables.
"""

from archbuilder.language.spec import Spec

RENAMED_FIELDS = {
    "Adafactor": {"epsilon": "epsilon_1", "smallest_scale": "epsilon_2"},
    "Batch": {"accumulate": "gradient_accumulation_steps"},
    "ByteLevelBPE": {"prefix_space": "add_prefix_space"},
    "EarlyStopping": {"minimum_change": "min_delta"},
    "ExponentialMovingAverage": {"decay": "momentum"},
    "LearnedTokenizer": {"training_characters": "max_training_characters"},
    "MixtureOfExpertsConfig": {"load_balancing": "load_balancing_loss_weight"},
    "ParameterGroup": {"learning_rate_scale": "learning_rate_multiplier"},
    "RotaryConfig": {"rotary_share": "rotary_percentage"},
    "SpanSelection": {"end_rate": "geometric_p", "max_words": "max_span_words"},
    "TextTokenizer": {"symbols": "user_defined_symbols"},
    "Training": {
        "average": "weight_averaging",
        "best": "monitor",
        "engine": "backend",
        "layer_rate_decay": "layerwise_learning_rate_decay",
        "samples": "show_predictions",
        "tokens": "total_tokens",
    },
    "Whitespace": {"continuation": "continuation_marker"},
}
"""The new name of each renamed field, by the name of its class and by its old name."""

RENAMED_TYPES = {"ExponentialMovingAverage": {"exponential": "ema"}}
"""The new value of each renamed `type`, by the name of its class and by its old value."""


def renamed_field(owner: type[Spec], name: str) -> str | None:
    """Return the name in version 2 of a field that version 1 called `name`, or None."""
    for cls in owner.__mro__:
        renamed = RENAMED_FIELDS.get(cls.__name__, {}).get(name)
        if renamed is not None:
            return renamed
    return None


def renamed_type(variants: tuple, name: str) -> str | None:
    """Return the type in version 2 that version 1 called `name`, among classes, or None."""
    for cls in variants:
        renamed = RENAMED_TYPES.get(getattr(cls, "__name__", ""), {}).get(name)
        if renamed is not None:
            return renamed
    return None
