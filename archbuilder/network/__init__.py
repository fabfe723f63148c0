"""The network below the heads: a file for each axis of variation, with its configs and their union.

An `XConfig` is a part of the spec; its `build(layers, name, ...)` makes every layer and returns an
`X`, a plain object that is called on tensors. `layers` is `keras.layers`, or a `ParameterCounter`
that only counts. The parts of a stack are built with a `LayerContext`, and every layer records a
`LayerRole` for training.

Shapes, throughout the package: B batch, T queries, S keys, D hidden width, H heads, K width of a
head, E width of embeddings or number of experts, F feed-forward width, V vocabulary, M masked
positions.
"""
