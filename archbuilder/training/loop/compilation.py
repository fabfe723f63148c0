"""Whether steps are compiled by XLA, and why."""

FEW = 16
"""Lengths of batches: each is compiled for itself, which takes a minute for a large model."""


def chosen(recipe, devices, lengths: int) -> tuple[bool, str]:
    """Whether to compile, and the reason; `lengths` is how many lengths batches have."""
    if recipe.engine == "jax":
        return True, f"compiled for {lengths} lengths"
    if recipe.jit_compile is not None:
        return recipe.jit_compile, "compiled" if recipe.jit_compile else "not compiled"
    if devices.kind == "CPU" or devices.count > 1:
        return False, "not compiled"
    if lengths > FEW:
        return False, f"not compiled: batches have {lengths} lengths (batch.pad_to_multiple_of)"
    return True, f"compiled for {lengths} lengths"
