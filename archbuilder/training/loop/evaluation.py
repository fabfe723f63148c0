"""Evaluation on the validation text; the best model is saved."""

from archbuilder.batches.batches import Batches
from archbuilder.batches.training_data import TrainingData
from archbuilder.objectives import printed_metrics
from archbuilder.training.loop.baseline import baselines
from archbuilder.training.loop.measurement import measure
from archbuilder.training.loop.periodic import CompletedStep
from archbuilder.training.loop.run_output import RunOutput
from archbuilder.training.loop.sample_predictions import SamplePredictions
from archbuilder.training.loop.setup import TrainingSetup
from archbuilder.training.loop.training_errors import TrainingErrors
from archbuilder.training.loop.training_state import TrainingState
from archbuilder.training.recipe.trained_spec import TrainedSpec
from archbuilder.training.recipe.weight_averaging import LastCheckpoints


class Evaluation:
    """Evaluates the model of a run, and saves it; without validation text, it only saves."""

    def __init__(
        self,
        experiment: TrainedSpec,
        setup: TrainingSetup,
        data: TrainingData,
        state: TrainingState,
        output: RunOutput,
        errors: TrainingErrors,
    ) -> None:
        self._recipe = experiment.training
        self._setup, self._data, self._state = setup, data, state
        self._output, self._errors = output, errors
        self._samples = SamplePredictions(experiment, setup.graph, data.prepared)

    def run(self, step: CompletedStep) -> None:
        """Evaluate after a step, and save the model if it is the best so far.

        Args:
            step: The step, whose record is the first part of the last metrics.

        Raises:
            TrainingFailedError: A weight or a metric is NaN or infinite.
        """
        self._errors.check_weights(step.number, self._setup.engine.nonfinite_weights())
        measured = {"step": step.number}
        with self._setup.engine.averaged():
            if self._data.validation is not None:
                measured |= self.measure(self._data.validation)
                self._output.log(measured)
                printed = printed_metrics(self._setup.terms)
                self._output.reporter.evaluation(measured, printed)
                self._errors.check_evaluation(step.number, measured)
                self._show_samples(step.number)
            self._state.last = step.record | measured
            if self._state.best.update(measured, step.number):
                self._output.writer.save_model(self._setup.graph.model)

    def measure(self, batches: Batches) -> dict[str, float]:
        """Return the metrics of all batches, with the prefix `validation_`."""
        engine, pad, steps = self._setup.engine, self._setup.pad, self._state.length.steps
        with self._errors.out_of_memory(self._state.step):
            measured = measure(engine, pad, batches, steps)
        return {f"validation_{name}": value for name, value in measured.items()}

    def save_model(self) -> None:
        """Save the model, with averaged weights if the optimizer averages them."""
        with self._setup.engine.averaged():
            self._output.writer.save_model(self._setup.graph.model)

    def average_checkpoints(self) -> None:
        """Save the mean of the last checkpoints as the best model, if the recipe sets it."""
        if not isinstance(self._recipe.weight_averaging, LastCheckpoints):
            return
        reporter, engine = self._output.reporter, self._setup.engine
        checkpoints = self._output.run.checkpoints
        mean, count = checkpoints.mean(self._recipe.weight_averaging.count, reporter.print)
        if not count:
            return
        current = engine.snapshot()
        engine.restore(mean)
        loss = ""
        if self._data.validation is not None:
            measured = self.measure(self._data.validation)
            self._state.last |= measured
            loss = f": validation loss {measured['validation_loss']:.3f}"
        self._output.writer.save_model(self._setup.graph.model)
        engine.restore(current)
        reporter.print(f"mean of {count} checkpoints{loss}")

    def report_baseline(self) -> None:
        """Print the last metrics next to the baseline of predicting by frequency."""
        if self._data.validation is None:
            return
        outputs, terms = self._setup.training_graph.output, self._setup.terms
        baseline = baselines(terms, outputs, self._data.train, self._data.validation)
        self._output.reporter.baseline(self._state.last, baseline)

    def _show_samples(self, step: int) -> None:
        # Several processes share the model, and none of them can run it alone.
        if self._samples and self._setup.devices.processes == 1:
            self._output.samples(step, self._samples())
