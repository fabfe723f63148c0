"""Training with `keras.Model.fit`: datasets, losses and an optimizer for a spec."""
