"""The training loop: steps, measurements, checkpoints, and going on where it stopped."""

import math
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import keras

from archbuilder.inference.samples import Samples
from archbuilder.mistake import UserMistake
from archbuilder.stopping import Interrupted, StopRequest, TrainingFailed
from archbuilder.training import checkpoint, compilation, precision
from archbuilder.training.baseline import baseline, frequencies
from archbuilder.training.clock import Clock
from archbuilder.training.distribution import Processes
from archbuilder.training.engines import open_devices
from archbuilder.training.engines.engine import Devices, added, metrics
from archbuilder.training.material import Material, gather
from archbuilder.training.reporter import Reporter, Silent
from archbuilder.training.run_folder import FollowedRun, RunFolder
from archbuilder.training.shapes import Shapes
from archbuilder.training.tracking import Tracking, tracked


def train(
    experiment,
    folder: Path,
    restart: bool = False,
    reporter: Reporter | None = None,
    processes: Processes | None = None,
) -> dict:
    """Train an experiment in a run folder, or go on with it; gives the last metrics.

    `processes` where several train it together, all with the same folder. Raises `UserMistake` for
    what the user can mend, `Interrupted` when asked to stop, `TrainingFailed` when the numbers do.
    """
    devices = open_devices(experiment.training, processes)
    first = devices.process == 0
    run = RunFolder(folder) if first else FollowedRun(folder)
    reporter = reporter or (Reporter() if first else Silent())
    with run.held():
        begin = _begun if first else _followed
        material = begin(experiment, run, restart, reporter, devices)
        trainer = Trainer(experiment, run, material, reporter, devices)
        trainer.resume()
        trainer.header()
        to_do = first and trainer.step < experiment.training.steps
        with tracked(experiment, run, trainer.step, reporter.tell, to_do) as trainer.tracking:
            return trainer.run_to_end()


def _begun(experiment, run: RunFolder, restart: bool, reporter, devices) -> Material:
    plain_spec = experiment.model_dump(mode="json", exclude_none=True)
    goes_on = run.goes_on(plain_spec, restart)
    material = gather(experiment, reporter, run.vocabularies() if goes_on else None)
    if not goes_on:
        run.begin(plain_spec, material.prepared.vocabularies)
    devices.meet("begun")
    return material


def _followed(experiment, run: RunFolder, restart: bool, reporter, devices) -> Material:
    devices.meet("begun")
    return gather(experiment, reporter, run.vocabularies())


class Trainer:
    """A model, its optimizer and its text, at some step."""

    def __init__(self, experiment, run: RunFolder, material: Material, reporter, devices: Devices):
        self.recipe = recipe = experiment.training
        self.experiment, self.run, self.material = experiment, run, material
        self.reporter, self.names, self.devices = reporter, list(experiment.objectives), devices
        policy, self._why = precision.chosen(recipe.precision, devices)
        compiled, self._compiled = compilation.chosen(recipe, devices, material.lengths())
        self.shapes = Shapes(material.train.budget, devices.replicas, compiled)
        keras.utils.set_random_seed(recipe.seed)
        keras.config.set_dtype_policy(policy)
        with devices.scope():
            drawn = experiment.network()
            self.model = drawn.model  # What is saved; packed rows are read by a graph of their own.
            graph = drawn.draw(packed=True) if recipe.batch.packing else self.model
            optimizer = recipe.optimizer.build(graph, recipe.global_clipnorm)
            optimizer = precision.with_loss_scaling(optimizer, policy, graph)
        self.engine = devices.engine(graph, experiment.objectives, optimizer, compiled, recipe)
        self.samples, self.tracking = Samples(experiment, drawn, material.prepared), Tracking()
        self.step, self.saved, self.last = 0, 0, {}
        self.best, self.best_step = math.inf, None

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
        self.best_step = state["best_step"]
        self.best = math.inf if self.best_step is None else state["best"]
        if self.best_step is not None and not self.run.has_sound_model():
            self._write_again(checkpoint.at_step(self.run.checkpoints, self.best_step))
        self.reporter.tell(f"going on from step {self.step}")

    def _refuse_other_text(self, before: dict) -> None:
        now = self.material.prepared.state()
        changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        if changed:
            raise UserMistake(
                f"{self.run.path}: {', '.join(changed)} changed since its checkpoint was written; "
                "put back what was there, or begin afresh with --restart"
            )

    def _write_again(self, best: Path) -> None:
        """The best model out of its checkpoint, where its own file is lost or damaged."""
        now = self.engine.snapshot()
        self.engine.restore(checkpoint.read(best)[0])
        self.run.save_model(self.model)
        self.engine.restore(now)
        self.reporter.tell(f"{self.run.model}: written again from {best.name}")

    def header(self) -> None:
        """What is about to happen, and what should not."""
        recipe, tell = self.recipe, self.reporter.tell
        weights = sum(math.prod(weight.shape) for weight in self.model.trainable_weights)
        peak = max(self._rate(step) for step in range(1, recipe.steps + 1))
        epoch = len(self.material.train)
        tell(
            f"{self.experiment.name}: {weights:,} parameters, {keras.config.backend()}, "
            f"{self.devices}, {keras.config.dtype_policy().name} ({self._why}), {self._compiled}, "
            f"seed {recipe.seed}"
        )
        tell(
            f"{recipe.steps} steps, {_budget(recipe.batch)}, learning rate at most {peak:.2e}, "
            f"{epoch} batches an epoch, {recipe.steps * recipe.batch.accumulate / epoch:.1f} epochs"
        )
        for line in [*recipe.warnings(), *self.material.notes(), *self._small_data()]:
            tell(f"warning: {line}")

    def run_to_end(self) -> dict:
        """Take the steps that are left."""
        if self.step >= self.recipe.steps:
            self.reporter.tell(f"all {self.recipe.steps} steps are done; see {self.run.path}")
            return self.last
        advance = self.reporter.begin("training", self.recipe.steps, lines=False)
        try:
            with StopRequest() as stop, ThreadPoolExecutor(1) as pool:
                self._loop(stop, pool, advance)
        except OSError as error:
            self._cannot_write(error)
        finally:
            self.reporter.end()
        self._compare()
        self.reporter.tell(f"done: {self.run.model}")
        return self.last

    def _loop(self, stop: StopRequest, pool: ThreadPoolExecutor, advance) -> None:
        clock = Clock(self.recipe.steps - self.step)
        coming: Future = pool.submit(self._batches, self.step + 1)
        while self.step < self.recipe.steps:
            batches = clock.waited(coming.result)
            coming = pool.submit(self._batches, self.step + 2)
            record = self._take_step(batches)
            clock.took_step(batches)
            advance(self.step)
            self._show(record, clock)
            self._tend(record, clock)
            clock.settle()
            if self.devices.any(stop.asked) and self.step < self.recipe.steps:
                if self.saved < self.step:
                    self._save()
                raise Interrupted(f"stopped at step {self.step}; the same command goes on")

    def _batches(self, step: int) -> list[dict]:
        count = self.recipe.batch.accumulate
        first = (step - 1) * count
        return [self.shapes(self.material.train[first + place]) for place in range(count)]

    def _take_step(self, batches: list[dict]) -> dict:
        rate = self._rate(self.step + 1)
        try:
            sums = self.engine.train(batches, rate)
        except Exception as error:
            if _is_lack_of_memory(error):
                raise self._out_of_memory(batches) from error
            raise
        found = metrics(sums, self.experiment.objectives)
        self._refuse_divergence(found)
        self.step += 1
        return {"step": self.step, **found, "learning_rate": rate}

    def _refuse_divergence(self, found: dict, prefix: str = "") -> None:
        """Stop where a number is none, before anything of it is saved."""
        norm = self.engine.gradient_norm
        if math.isfinite(found[f"{prefix}loss"]) and math.isfinite(norm):
            return
        losses = {name: found[f"{prefix}{name}_loss"] for name in self.names}
        wrong = {name: loss for name, loss in losses.items() if not math.isfinite(loss)}
        told = " and ".join(f"the {prefix}loss of {name} is {loss}" for name, loss in wrong.items())
        told = told or f"the gradient's norm is {norm}"
        count = self.recipe.batch.accumulate
        first = self.step * count
        batches = f"batch {first}" if count == 1 else f"batches {first} to {first + count - 1}"
        where = f"after step {self.step}" if prefix else f"at step {self.step + 1}, {batches}"
        raise TrainingFailed(
            f"{where}, {told}; {self._kept()}. A lower learning rate or "
            "training.global_clipnorm often helps; a changed spec begins with --restart"
        )

    def _out_of_memory(self, batches: list[dict]) -> TrainingFailed:
        masks = [array for name, array in batches[0].items() if name.endswith("padding_mask")]
        rows, length = max((mask.shape for mask in masks), key=lambda shape: shape[1])
        of_batch = "tokens" if self.recipe.batch.tokens else "examples"
        also = "" if self.recipe.engine == "tensorflow" else ", or write training.rematerialize"
        return TrainingFailed(
            f"out of memory at step {self.step + 1}, in a batch of {rows} rows of {length} tokens; "
            f"{self._kept()}. Lower training.batch.{of_batch} and raise training.batch.accumulate "
            f"by as much, or lower data.sequence_length{also}"
        )

    def _cannot_write(self, error: OSError):
        path = error.filename or self.run.path
        raise TrainingFailed(
            f"{path}: cannot be written ({error.strerror or error}) at step {self.step}; "
            f"{self._kept()}, and the same command goes on from there"
        ) from error

    def _kept(self) -> str:
        step = self.run.newest_step()
        return "there is no checkpoint" if step is None else f"the checkpoint of step {step} stands"

    def _tend(self, record: dict, clock: Clock) -> None:
        """What is due after a step: a line, a measurement, a checkpoint."""
        recipe, last = self.recipe, self.step == self.recipe.steps
        if clock.taken == 2 or last or self.step % recipe.log_every == 0:
            record |= {"gradient_norm": self.engine.gradient_norm, **clock.rates()}
            self._log(record)
            self.reporter.step(record, recipe.steps, self.names, clock.left())
            clock.restart()
        improved = False
        if last or self.step % recipe.evaluate_every == 0:
            improved = clock.pause(lambda: self._evaluate(record))
        if last or improved or self.step % recipe.checkpoint_every == 0:
            clock.pause(self._save)
            self.saved = self.step

    def _evaluate(self, record: dict) -> bool:
        """Measure on the validation text; keep the model if it is the best so far."""
        found, loss = {"step": self.step}, 0.0
        if self.material.validation is not None:
            found |= self._measure(self.material.validation)
            self._log(found)
            self.reporter.evaluation(found, self.names)
            self._refuse_divergence(found, "validation_")
            self._show_samples()
            loss = found["validation_loss"]
        self.last = record | found
        improved = loss < self.best or self.material.validation is None
        if improved:
            self.best, self.best_step = loss, self.step
            self.engine.settle()
            self.run.save_model(self.model)
        return improved

    def _log(self, record: dict) -> None:
        self.run.log(record)
        self.tracking.log(record)

    def _show(self, record: dict, clock: Clock) -> None:
        now = record | {"gradient_norm": self.engine.gradient_norm, **clock.rates()}
        self.reporter.live(now, self.recipe.steps, self.names, clock.left())

    def _show_samples(self) -> None:
        """What the model makes of a few examples; processes that share one cannot use it alone."""
        if self.samples and self.devices.processes == 1:
            self.engine.settle()
            found = self.samples()
            self.reporter.samples(found)
            self.tracking.samples(self.step, found)

    def _measure(self, batches) -> dict:
        numbers = range(len(batches))
        sums = added([self.engine.measure(self.shapes(batches[number])) for number in numbers])
        found = metrics(sums, self.experiment.objectives)
        return {f"validation_{name}": value for name, value in found.items()}

    def _save(self) -> None:
        best = None if self.best_step is None else self.best
        state = {"step": self.step, "best": best, "best_step": self.best_step, "last": self.last}
        state["text"] = self.material.prepared.state()
        self.run.save_checkpoint(self.engine.snapshot(), state)

    def _compare(self) -> None:
        """Show the model beside guessing by frequency, on the same positions."""
        if self.material.validation is None:
            return
        counts = frequencies(self.material.train, self.names)
        classes = {name: self.model.output[name].shape[-1] for name in self.names}
        smoothing = {name: one.smoothing() for name, one in self.experiment.objectives.items()}
        guess = baseline(counts, self.material.validation, classes, smoothing)
        self.reporter.baseline(self.last, guess, self.names)

    def _rate(self, step: int) -> float:
        recipe = self.recipe
        return recipe.learning_rate.rate_at(step, recipe.steps, self.experiment.model.hidden_dim)

    def _small_data(self) -> list[str]:
        count, epoch = self.recipe.batch.accumulate, len(self.material.train)
        if count <= epoch:
            return []
        return [f"a step accumulates {count} batches, and the whole training text has {epoch}"]


def _is_lack_of_memory(error: Exception) -> bool:
    """Each engine has an error of its own for it."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "RESOURCE_EXHAUSTED" in str(error)
    )


def _budget(batch) -> str:
    size = f"{batch.tokens} tokens" if batch.tokens else f"{batch.examples} examples"
    return f"{batch.accumulate} x {size} a step" if batch.accumulate > 1 else f"{size} a step"
