"""The training loop, which is resumed from the last checkpoint."""

import math
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from pathlib import Path

from archbuilder.batches.training_data import TrainingData, load_training_data
from archbuilder.errors import UserError
from archbuilder.objectives import loss_weights, metrics_from_sums, printed_metrics
from archbuilder.runs.checkpoint import Checkpoint, DamagedCheckpointError, read_checkpoint
from archbuilder.runs.model_file import is_intact
from archbuilder.runs.run_folder import RunFolder
from archbuilder.runs.run_writer import FolderWriter, NullWriter
from archbuilder.runs.spec_file import to_plain
from archbuilder.stopping import RunInterruptedError, StopRequest
from archbuilder.text.batch import Batch
from archbuilder.tracking.tracker import RunInfo
from archbuilder.tracking.tracker_set import TrackerSet
from archbuilder.training.engines import open_devices
from archbuilder.training.engines.engine import Devices
from archbuilder.training.loop.evaluation import Evaluation
from archbuilder.training.loop.periodic import CompletedStep, PeriodicAction
from archbuilder.training.loop.reporter import Reporter, SilentReporter
from archbuilder.training.loop.run_header import RunHeader
from archbuilder.training.loop.run_output import RunOutput
from archbuilder.training.loop.setup import set_up
from archbuilder.training.loop.step_timer import StepTimer
from archbuilder.training.loop.training_errors import TrainingErrors
from archbuilder.training.loop.training_state import TrainingState
from archbuilder.training.recipe.distribution import ProcessGroup
from archbuilder.training.recipe.trained_spec import TrainedSpec
from archbuilder.training.recipe.weight_averaging import LastCheckpoints


def train(
    experiment: TrainedSpec,
    folder: Path,
    restart: bool = False,
    reporter: Reporter | None = None,
    processes: ProcessGroup | None = None,
) -> dict:
    """Train an experiment in a run folder, or resume training, and return the last metrics.

    Args:
        experiment: The spec.
        folder: The run folder, which all processes share.
        restart: Whether an existing run is replaced rather than resumed.
        reporter: Prints progress. Default: process 0 prints to standard output.
        processes: The processes that train together. Default: this process alone.

    Raises:
        UserError: The spec, the data or the folder has an error that the user can fix.
        RunInterruptedError: A stop was requested; the state is saved.
        TrainingFailedError: A loss, gradient or weight is NaN or infinite, or memory or disk space
            is insufficient.
    """
    devices = open_devices(experiment.training, processes)
    first = devices.process == 0
    run = RunFolder(folder)
    reporter = reporter or (Reporter() if first else SilentReporter())
    writer = FolderWriter(run) if first else NullWriter()
    output = RunOutput(run, writer, reporter, TrackerSet(reporter.print))
    with run.locked() if first else nullcontext(), ExitStack() as open_trackers:
        with run.rollback_on_error():
            load = _load_or_create if first else _load_created
            data = load(experiment, run, restart, reporter, devices)
            trainer = Trainer(experiment, data, devices, output)
            trainer.resume()
            trainer.print_header()
            if first and not trainer.state.is_finished:
                info = RunInfo(folder, experiment.name, to_plain(experiment), trainer.state.step)
                trackers = experiment.training.trackers
                open_trackers.enter_context(output.trackers.opened(trackers, info))
        return trainer.run()


def _load_or_create(
    experiment: TrainedSpec, run: RunFolder, restart: bool, reporter: Reporter, devices: Devices
) -> TrainingData:
    resumes = run.can_resume(experiment, restart)
    data = load_training_data(experiment, reporter, run.vocabularies() if resumes else None)
    if not resumes:
        run.create(experiment, data.prepared.vocabularies)
    devices.barrier("created")
    return data


def _load_created(
    experiment: TrainedSpec, run: RunFolder, restart: bool, reporter: Reporter, devices: Devices
) -> TrainingData:
    devices.barrier("created")
    return load_training_data(experiment, reporter, run.vocabularies())


class Trainer:
    """Runs the steps of a run and, after each step, the actions that are due."""

    def __init__(
        self, experiment: TrainedSpec, data: TrainingData, devices: Devices, output: RunOutput
    ) -> None:
        self._experiment, self._data = experiment, data
        self._recipe, self._output = experiment.training, output
        self.setup = set_up(experiment, data, devices)
        self._printed = printed_metrics(self.setup.terms)
        self._errors = TrainingErrors(self._recipe, output.run, list(self._printed))
        self.state = TrainingState(self._recipe, data.train)
        self.evaluation = Evaluation(experiment, self.setup, data, self.state, output, self._errors)

    def resume(self) -> None:
        """Restore the newest undamaged checkpoint, if there is one."""
        run, reporter = self._output.run, self._output.reporter
        newest = run.checkpoints.newest(reporter.print)
        self.setup.devices.barrier("resumed")
        self._output.writer.truncate_metrics(newest.state["step"] if newest else 0)
        if newest is None:
            return
        self._require_same_text(newest.state["text"])
        self.setup.engine.restore(newest.variables)
        self.state.restore(newest.state)
        best_step = self.state.best.step
        if best_step is not None and not is_intact(run.model):
            self._restore_best_model(run.checkpoints.folder(best_step))
        reporter.print(f"resuming from step {self.state.step}")

    def _require_same_text(self, stored: dict) -> None:
        state = self._data.prepared.state()
        changed = [name for name in {**stored, **state} if stored.get(name) != state.get(name)]
        if changed:
            raise UserError(
                f"{self._output.run.path}: {', '.join(changed)} changed since the checkpoint "
                "was written; restore the previous data, or use --restart to start from scratch"
            )

    def _restore_best_model(self, best: Path) -> None:
        """Save the best model from its checkpoint, since the model file is missing or damaged."""
        engine, report = self.setup.engine, self._output.reporter.print
        current = engine.snapshot()
        try:
            engine.restore(read_checkpoint(best).variables)
        except DamagedCheckpointError as error:
            report(f"the best model is lost and replaced by the newest model: {error}")
            self.state.forget_best()
        else:
            report(f"{self._output.run.model}: restored from {best.name}")
        self.evaluation.save_model()
        engine.restore(current)

    def print_header(self) -> None:
        """Print the resolved settings and warnings about suspicious ones."""
        header = RunHeader(self._recipe, self._data, self.state.length)
        name, hidden_dim = self._experiment.name, self._experiment.model.hidden_dim
        weights = self.setup.graph.model.weights
        for line in header.lines(name, hidden_dim, weights, self.setup.choices):
            self._output.reporter.print(line)

    def run(self) -> dict:
        """Run the remaining steps, and return the last metrics."""
        reporter, state, run = self._output.reporter, self.state, self._output.run
        if state.is_finished:
            self.evaluation.average_checkpoints()  # The run may have been killed before it.
            reporter.print(f"training is already complete ({state.step} steps); see {run.path}")
            return state.last
        try:
            self._run_steps()
            self.evaluation.average_checkpoints()
        except OSError as error:
            raise self._errors.disk_error(state.step, error) from error
        finally:
            reporter.finish()
        self.evaluation.report_baseline()
        reporter.print(f"training complete: {run.model}")
        return state.last

    def _run_steps(self) -> None:
        state, reporter = self.state, self._output.reporter
        advance = reporter.start("training", state.length.steps, lines=False)
        timer = StepTimer(state.length.seconds)
        actions = self._actions(timer)
        with StopRequest() as stop, ThreadPoolExecutor(1) as pool:
            next_batches: Future[list[Batch]] = pool.submit(self._batches, state.step + 1)
            while not state.is_finished:
                with self._errors.out_of_memory(state.step + 1):
                    batches = timer.wait_for(next_batches)
                next_batches = pool.submit(self._batches, state.step + 2)
                record = self._run_step(batches)
                timer.count_step(batches)
                advance(state.step)
                self._show(record, timer)
                self._run_periodic(actions, record, timer)
                timer.exclude_first_step()
                self._stop_if_requested(stop)
        if state.best.should_stop:
            reporter.print(
                f"stopped early: {state.best.metric} did not improve in the last "
                f"{state.best.num_bad} evaluations"
            )

    def _batches(self, step: int) -> list[Batch]:
        count = self._recipe.batch.gradient_accumulation_steps
        first = (step - 1) * count
        return [self.setup.pad(self._data.train[first + index]) for index in range(count)]

    def _run_step(self, batches: list[Batch]) -> dict:
        step, steps = self.state.step + 1, self.state.length.steps
        hidden_dim = self._experiment.model.hidden_dim
        rate = self._recipe.learning_rate.rate_at(step, steps, hidden_dim)
        weights = loss_weights(self._data.train.losses, step, steps)
        engine = self.setup.engine
        with self._errors.out_of_memory(step, batches[0]):
            sums = engine.train(batches, rate, weights)
        measured = metrics_from_sums(self.setup.terms, sums, weights)
        self._errors.check_step(step, measured, engine.gradient_norm, engine.scales_losses)
        self.state.step = step
        return {"step": step, **measured, "learning_rate": rate}

    def _actions(self, timer: StepTimer) -> list[PeriodicAction]:
        """Return the periodic actions in order; saving depends on the evaluation."""
        recipe, best = self._recipe, self.state.best

        def log(step: CompletedStep) -> None:
            self._log(step, timer)

        def evaluate(step: CompletedStep) -> None:
            with timer.paused():
                self.evaluation.run(step)

        def save(step: CompletedStep) -> None:
            with timer.paused():
                self._save()

        return [
            PeriodicAction(recipe.log_every, log, condition=lambda step: timer.num_steps == 2),
            PeriodicAction(recipe.evaluate_every, evaluate),
            PeriodicAction(
                recipe.checkpoint_every,
                save,
                condition=lambda step: best.step == step.number or best.should_stop,
            ),
        ]

    def _run_periodic(self, actions: list[PeriodicAction], record: dict, timer: StepTimer) -> None:
        self.state.length.seconds = timer.total_seconds()
        step = CompletedStep(self.state.step, record, self.state.length.is_reached(self.state.step))
        for action in actions:
            if action.is_due(step):
                action.run(step)

    def _log(self, step: CompletedStep, timer: StepTimer) -> None:
        step.record.update(self._norm_and_rates(timer))
        self._output.log(step.record)
        length = self.state.length
        seconds_left = length.seconds_left(step.number, timer.seconds_per_step())
        self._output.reporter.step(step.record, length.steps, self._printed, seconds_left)
        timer.reset_rates()

    def _show(self, record: dict, timer: StepTimer) -> None:
        record = record | self._norm_and_rates(timer)
        length = self.state.length
        seconds_left = length.seconds_left(self.state.step, timer.seconds_per_step())
        self._output.reporter.live(record, length.steps, self._printed, seconds_left)

    def _norm_and_rates(self, timer: StepTimer) -> dict[str, float | None]:
        norm = self.setup.engine.gradient_norm
        return {"gradient_norm": norm if math.isfinite(norm) else None, **timer.rates()}

    def _stop_if_requested(self, stop: StopRequest) -> None:
        if not self.setup.devices.any_process(stop.is_requested) or self.state.is_finished:
            return
        if self.state.checkpoint_step < self.state.step:
            self._save(stopped=True)
        raise RunInterruptedError(
            f"stopped at step {self.state.step}; the same command resumes training"
        )

    def _save(self, stopped: bool = False) -> None:
        """Write a checkpoint; `stopped` marks a checkpoint outside of the schedule."""
        step, average = self.state.step, self._recipe.weight_averaging
        self._errors.check_weights(step, self.setup.engine.nonfinite_weights())
        stored = self.state.to_dict() | {"text": self._data.prepared.state()}
        checkpoint = Checkpoint(self.setup.engine.snapshot(), stored)
        keep = average.count if isinstance(average, LastCheckpoints) else 2
        self._output.writer.save_checkpoint(checkpoint, self.state.best.step, keep, stopped)
        self.state.checkpoint_step = step
