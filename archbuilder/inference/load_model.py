"""A run's network with its best weights, in float32, whatever it was trained in."""

from archbuilder.errors import UserError
from archbuilder.runs.run_folder import RunFolder


def trained(experiment, run: RunFolder):
    """The experiment's `ModelGraph` with the weights of the run's model.

    Raises `UserError` where that model cannot be read or is another one.
    """
    import keras

    saved, policy = _saved(run), keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        network = experiment.network()
    finally:
        keras.config.set_dtype_policy(policy)
    try:
        network.model.set_weights(saved.get_weights())
    except ValueError as error:
        raise UserError(f"{run.model}: is not the model that {run.spec} describes") from error
    return network


def _saved(run: RunFolder):
    try:
        return run.load_model()
    except UserError:
        raise
    except Exception as error:  # Keras raises plain exceptions.
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"{run.model}: cannot be read ({reason})") from error
