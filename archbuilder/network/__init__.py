"""The backbone: one file for each choice in its architecture, with the configs and their union.

An `XConfig` is a section of the spec. Its `build(layers, name, ...)` creates every Keras layer and
returns an `X`, a plain object that is called on tensors. `layers` is `keras.layers`, or a
`ParameterCounter` that only counts weights. The layers of a stack are built with a `LayerContext`,
and every Keras layer records a `LayerRole` for training.

Shapes, throughout the package: B batch, T queries, S keys, D hidden width, H heads, K width of a
head, E width of embeddings or number of experts, F feed-forward width, V vocabulary, M masked
positions.
"""
