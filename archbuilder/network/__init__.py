"""What a model is made of: a file for each axis of variation, with its specs, parts and union.

A spec's `build(layers, name, ...)` makes every layer and returns a *part*, a plain object that is
called on tensors. `layers` is `keras.layers`, or a `ParameterCounter` that only counts.

Shapes, throughout the package: B batch, T queries, S keys, D hidden width, H heads, K width of a
head, F feed-forward width, V vocabulary, M masked positions.
"""
