"""What a model is made of. Each file holds one axis of variation: its specs, their parts, their union.

A spec's `build(layers, name, ...)` makes every layer and returns a *part*, a plain object that is
called on tensors. `layers` is `keras.layers`, or a `Ledger` that only counts.

Shapes, throughout the package: B batch, T queries, S keys, D hidden width, H heads, K width of a
head, F feed-forward width, V vocabulary, M masked positions.
"""
