"""The training loop: steps, measurements, checkpoints, and going on where it stopped."""

import math
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import keras

from archbuilder.batches.padding import BatchPadder
from archbuilder.batches.training_data import TrainingData, load_training_data
from archbuilder.errors import UserError
from archbuilder.objectives import scored, weights_at
from archbuilder.runs import checkpoint
from archbuilder.runs.run_folder import FollowedRun, RunFolder
from archbuilder.stopping import Interrupted, StopRequest
from archbuilder.tracking.tracker_set import TrackerSet, tracked
from archbuilder.training.engines import open_devices
from archbuilder.training.engines.engine import Devices, added, metrics
from archbuilder.training.loop import compilation
from archbuilder.training.loop.baseline import baseline, frequencies
from archbuilder.training.loop.reporter import Reporter, Silent
from archbuilder.training.loop.run_header import RunHeader
from archbuilder.training.loop.sample_predictions import Samples
from archbuilder.training.loop.step_timer import StepTimer
from archbuilder.training.loop.training_errors import TrainingErrors
from archbuilder.training.loop.training_length import TrainingLength
from archbuilder.training.recipe import precision
from archbuilder.training.recipe.best import Best
from archbuilder.training.recipe.distribution import Processes
from archbuilder.training.recipe.parameter_groups import optimizer_for
from archbuilder.training.recipe.weight_averaging import LastCheckpoints


def train(
    experiment,
    folder: Path,
    restart: bool = False,
    reporter: Reporter | None = None,
    processes: Processes | None = None,
) -> dict:
    """Train an experiment in a run folder, or go on with it; gives the last metrics.

    `processes` where several train it together, all with the same folder. Raises `UserError` for
    what the user can mend, `Interrupted` when asked to stop, `TrainingFailed` when the numbers do.
    """
    devices = open_devices(experiment.training, processes)
    first = devices.process == 0
    run = RunFolder(folder) if first else FollowedRun(folder)
    reporter = reporter or (Reporter() if first else Silent())
    with run.held(), ExitStack() as trackers:
        with run.replacing():
            begin = _begun if first else _followed
            material = begin(experiment, run, restart, reporter, devices)
            trainer = Trainer(experiment, run, material, reporter, devices)
            trainer.resume()
            trainer.header()
            to_do = first and not trainer.is_over
            trainer.tracking = trackers.enter_context(
                tracked(experiment, run, trainer.step, reporter.tell, to_do)
            )
        return trainer.run_to_end()


def _begun(experiment, run: RunFolder, restart: bool, reporter, devices) -> TrainingData:
    goes_on = run.goes_on(experiment, restart)
    material = load_training_data(experiment, reporter, run.vocabularies() if goes_on else None)
    if not goes_on:
        run.begin(experiment, material.prepared.vocabularies)
    devices.meet("begun")
    return material


def _followed(experiment, run: RunFolder, restart: bool, reporter, devices) -> TrainingData:
    devices.meet("begun")
    return load_training_data(experiment, reporter, run.vocabularies())


class Trainer:
    """A model, its optimizer and its text, at some step."""

    def __init__(
        self, experiment, run: RunFolder, material: TrainingData, reporter, devices: Devices
    ):
        self.recipe = recipe = experiment.training
        self.experiment, self.run, self.material = experiment, run, material
        self.reporter, self.devices = reporter, devices
        self.objectives = scored(experiment.objectives)
        self.names = list(self.objectives)
        self.failures = TrainingErrors(recipe, run, self.names)
        policy, why = precision.chosen(recipe.precision, devices)
        compiled, told = compilation.chosen(recipe, devices, material.lengths())
        self._chosen = f"{policy} ({why}), {told}"
        self.shapes = BatchPadder(material.train.budget, devices.replicas, compiled)
        keras.utils.set_random_seed(recipe.seed)
        keras.config.set_dtype_policy(policy)
        with devices.scope():
            drawn = experiment.network()
            self.model = drawn.model  # What is saved; packed rows are read by a graph of their own.
            self.graph = graph = drawn.training_graph(recipe.batch.packing)
            optimizer = precision.with_loss_scaling(optimizer_for(experiment, graph), policy, graph)
        clip = recipe.global_clipnorm
        self.engine = devices.engine(graph, self.objectives, optimizer, clip, compiled)
        self.extent = TrainingLength(recipe, material.train)
        self.best = Best(recipe.best, recipe.early_stopping)
        self.samples, self.tracking = Samples(experiment, drawn, material.prepared), TrackerSet()
        self.step, self.saved, self.last = 0, 0, {}

    def resume(self) -> None:
        """Take up the newest sound checkpoint, if there is one."""
        found = self.run.newest_checkpoint(self.reporter.tell)
        self.devices.meet("resumed")
        self.run.keep_metrics_until(found[1]["step"] if found else 0)
        if found is None:
            return
        arrays, state = found
        self._refuse_other_text(state["text"])
        self.engine.restore(arrays)
        self.step, self.last = state["step"], state["last"]
        self.extent.seconds = state["seconds"]
        self.best.restore(state["best"])
        if self.best.step is not None and not self.run.has_sound_model():
            self._write_again(checkpoint.at_step(self.run.checkpoints, self.best.step))
        self.reporter.tell(f"going on from step {self.step}")

    def _refuse_other_text(self, before: dict) -> None:
        now = self.material.prepared.state()
        changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        if changed:
            raise UserError(
                f"{self.run.path}: {', '.join(changed)} changed since its checkpoint was written; "
                "put back what was there, or begin afresh with --restart"
            )

    def _write_again(self, best: Path) -> None:
        """The best model out of its checkpoint, where its own file is lost or damaged."""
        now = self.engine.snapshot()
        try:
            self.engine.restore(checkpoint.read(best)[0])
        except checkpoint.DamagedCheckpoint as error:
            self.reporter.tell(f"the best model is lost, and the newest takes its place: {error}")
            self.best = Best(self.recipe.best, self.recipe.early_stopping)
        else:
            self.reporter.tell(f"{self.run.model}: written again from {best.name}")
        self._save_model()
        self.engine.restore(now)

    def header(self) -> None:
        """What is about to happen, and what should not."""
        weights = [(weight.shape, weight.trainable) for weight in self.model.weights]
        lines = RunHeader(self.experiment, self.material, self.extent.steps)
        chosen = f"{self.devices}, {self._chosen}"
        for line in lines.all(weights, chosen, str(self.extent)):
            self.reporter.tell(line)

    def run_to_end(self) -> dict:
        """Take the steps that are left."""
        if self.is_over:
            self._average()  # It may have been killed before, and costs little.
            self.reporter.tell(f"all {self.step} steps are done; see {self.run.path}")
            return self.last
        advance = self.reporter.begin("training", self.extent.steps, lines=False)
        try:
            with StopRequest() as stop, ThreadPoolExecutor(1) as pool:
                self._loop(stop, pool, advance)
            self._average()
        except OSError as error:
            raise self.failures.of_disk(self.step, error) from error
        finally:
            self.reporter.end()
        self._compare()
        self.reporter.tell(f"done: {self.run.model}")
        return self.last

    def _loop(self, stop: StopRequest, pool: ThreadPoolExecutor, advance) -> None:
        clock = StepTimer(self.extent.seconds)
        coming: Future = pool.submit(self._batches, self.step + 1)
        while not self.is_over:
            with self.failures.of_memory(self.step + 1):
                batches = clock.waited(coming.result)
            coming = pool.submit(self._batches, self.step + 2)
            record = self._take_step(batches)
            clock.took_step(batches)
            advance(self.step)
            self._show(record, clock)
            self._tend(record, clock)
            clock.settle()
            if self.devices.any(stop.asked) and not self.is_over:
                if self.saved < self.step:
                    self._save(stopped=True)
                raise Interrupted(f"stopped at step {self.step}; the same command goes on")

    @property
    def is_over(self) -> bool:
        """Whether there is no step left to take."""
        return self.step > 0 and (self.extent.reached(self.step) or self.best.is_given_up)

    def _batches(self, step: int) -> list[dict]:
        count = self.recipe.batch.accumulate
        first = (step - 1) * count
        return [self.shapes(self.material.train[first + place]) for place in range(count)]

    def _take_step(self, batches: list[dict]) -> dict:
        rate = self._rate(self.step + 1)
        weights = weights_at(self.experiment.objectives, self.step + 1, self.extent.steps)
        with self.failures.of_memory(self.step + 1, batches[0]):
            sums = self.engine.train(batches, rate, weights)
        found = metrics(sums, weights)
        norm, scaled = self.engine.gradient_norm, self.engine.scales_losses
        self.failures.refuse_divergence(self.step, found, norm, scaled)
        self.step += 1
        return {"step": self.step, **found, "learning_rate": rate}

    def _tend(self, record: dict, clock: StepTimer) -> None:
        """What is due after a step: a line, a measurement, a checkpoint."""
        recipe = self.recipe
        self.extent.seconds = clock.seconds()
        last = self.extent.reached(self.step)
        if clock.taken == 2 or last or self.step % recipe.log_every == 0:
            record |= {"gradient_norm": self._norm(), **clock.rates()}
            self._log(record)
            self.reporter.step(record, self.extent.steps, self.names, self._left(clock))
            clock.restart()
        improved = False
        if last or self.step % recipe.evaluate_every == 0:
            improved = clock.pause(lambda: self._evaluate(record))
        if last or improved or self.best.is_given_up or self.step % recipe.checkpoint_every == 0:
            clock.pause(self._save)
            self.saved = self.step
        if self.best.is_given_up:
            self.reporter.tell(
                f"stopped early: none of the last {self.best.waited} measurements of "
                f"{self.best.metric} is better by enough"
            )

    def _evaluate(self, record: dict) -> bool:
        """Measure on the validation text; keep the model if it is the best so far."""
        self.failures.refuse_bad_weights(self.step, self.engine.unsound())
        found = {"step": self.step}
        with self.engine.averaged():
            if self.material.validation is not None:
                found |= self._measure(self.material.validation)
                self._log(found)
                self.reporter.evaluation(found, self.names)
                self.failures.refuse_bad_measurement(self.step, found)
                self._show_samples()
            self.last = record | found
            improved = self.best.take(found, self.step)
            if improved:
                self.run.save_model(self.model)
        return improved

    def _save_model(self) -> None:
        with self.engine.averaged():
            self.run.save_model(self.model)

    def _average(self) -> None:
        """Put the mean of the last checkpoints in the place of the best model, if so told."""
        if not isinstance(self.recipe.average, LastCheckpoints):
            return
        mean, count = self.run.mean(self.recipe.average.count, self.reporter.tell)
        if not count:
            return
        now = self.engine.snapshot()
        self.engine.restore(mean)
        told = ""
        if self.material.validation is not None:
            found = self._measure(self.material.validation)
            self.last |= found
            told = f": validation loss {found['validation_loss']:.3f}"
        self.run.save_model(self.model)
        self.engine.restore(now)
        self.reporter.tell(f"the mean of {count} checkpoints{told}")

    def _log(self, record: dict) -> None:
        self.run.log(record)
        self.tracking.log(record)

    def _show(self, record: dict, clock: StepTimer) -> None:
        now = record | {"gradient_norm": self._norm(), **clock.rates()}
        self.reporter.live(now, self.extent.steps, self.names, self._left(clock))

    def _norm(self) -> float | None:
        norm = self.engine.gradient_norm
        return norm if math.isfinite(norm) else None

    def _left(self, clock: StepTimer) -> float:
        return self.extent.left(self.step, clock.pace())

    def _show_samples(self) -> None:
        """What the model makes of a few examples; processes that share one cannot use it alone."""
        if self.samples and self.devices.processes == 1:
            found = self.samples()
            self.reporter.samples(found)
            self.tracking.samples(self.step, found)

    def _measure(self, batches) -> dict:
        numbers = range(len(batches))
        with self.failures.of_memory(self.step):
            sums = added([self.engine.measure(self.shapes(batches[number])) for number in numbers])
        # Weighed as at the last step, so that measurements can be compared.
        last = self.extent.steps
        found = metrics(sums, weights_at(self.experiment.objectives, last, last))
        return {f"validation_{name}": value for name, value in found.items()}

    def _save(self, stopped: bool = False) -> None:
        self.failures.refuse_bad_weights(self.step, self.engine.unsound())
        state = {"step": self.step, "best": self.best.state(), "last": self.last}
        state |= {"seconds": self.extent.seconds, "text": self.material.prepared.state()}
        average = self.recipe.average
        keep = average.count if isinstance(average, LastCheckpoints) else 2
        self.run.save_checkpoint(self.engine.snapshot(), state, keep, stopped)

    def _compare(self) -> None:
        """Show the model beside guessing by frequency, on the same positions."""
        if self.material.validation is None:
            return
        # What the graph itself decides, such as which tokens were replaced, is not known before.
        names = [name for name in self.names if f"{name}_targets" not in self.graph.output]
        counts = frequencies(self.material.train, names)
        classes = {name: self.graph.output[name].shape[-1] for name in names}
        smoothing = {name: self.objectives[name].smoothing() for name in names}
        guess = baseline(counts, self.material.validation, classes, smoothing)
        self.reporter.baseline(self.last, guess, names)

    def _rate(self, step: int) -> float:
        hidden_dim = self.experiment.model.hidden_dim
        return self.recipe.learning_rate.rate_at(step, self.extent.steps, hidden_dim)
