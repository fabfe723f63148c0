"""The training loop: steps, measurements, checkpoints, and going on where it stopped."""

import math
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import keras

from archbuilder.mistake import UserMistake
from archbuilder.objectives import scored, weights_at
from archbuilder.stopping import Interrupted, StopRequest, TrainingFailed
from archbuilder.training import checkpoint
from archbuilder.training.baseline import baseline, frequencies
from archbuilder.training.engine import TensorFlowEngine, added, metrics
from archbuilder.training.material import Material, gather
from archbuilder.training.reporter import Reporter
from archbuilder.training.run_folder import RunFolder


def train(
    experiment, folder: Path, restart: bool = False, reporter: Reporter | None = None
) -> dict:
    """Train an experiment in a run folder, or go on with it; gives the last metrics.

    Raises `UserMistake` for what the user can mend, `Interrupted` when asked to stop,
    `TrainingFailed` when the numbers do.
    """
    if keras.config.backend() != "tensorflow":
        raise UserMistake(f"training runs on TensorFlow; KERAS_BACKEND is {keras.config.backend()}")
    reporter = reporter or Reporter()
    run = RunFolder(folder)
    plain_spec = experiment.model_dump(mode="json", exclude_none=True)
    with run.held():
        goes_on = run.goes_on(plain_spec, restart)
        vocabularies = run.vocabularies() if goes_on else None
        material = gather(experiment, reporter, vocabularies)
        if not goes_on:
            run.begin(plain_spec, material.prepared.vocabularies)
        trainer = Trainer(experiment, run, material, reporter)
        trainer.resume()
        trainer.header()
        return trainer.run_to_end()


class Trainer:
    """A model, its optimizer and its text, at some step."""

    def __init__(self, experiment, run: RunFolder, material: Material, reporter: Reporter):
        self.recipe = experiment.training
        self.experiment, self.run, self.material = experiment, run, material
        self.reporter, self.objectives = reporter, scored(experiment.objectives)
        self.names = list(self.objectives)
        keras.utils.set_random_seed(self.recipe.seed)
        keras.config.set_dtype_policy(dtype_policy(self.recipe.precision))
        drawn = experiment.network()
        self.model = drawn.model  # What is saved; packed rows are read by a graph of their own.
        self.graph = drawn.training_graph(self.recipe.batch.packing)
        optimizer = self.recipe.optimizer.build(self.graph, self.recipe.global_clipnorm)
        self.engine = TensorFlowEngine(self.graph, self.objectives, optimizer)
        self.step, self.saved, self.last = 0, 0, {}
        self.best, self.best_step = math.inf, None

    def resume(self) -> None:
        """Take up the newest sound checkpoint, if there is one."""
        found = self.run.newest_checkpoint(self.reporter.tell)
        self.run.keep_metrics_until(found[1]["step"] if found else 0)
        if found is None:
            return
        arrays, state = found
        self._refuse_other_text(state["text"])
        checkpoint.restore(self.graph, self.engine.optimizer, arrays)
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
        now = checkpoint.snapshot(self.graph, self.engine.optimizer)
        arrays, _ = checkpoint.read(best)
        checkpoint.restore(self.graph, self.engine.optimizer, arrays)
        self.run.save_model(self.model)
        checkpoint.restore(self.graph, self.engine.optimizer, now)
        self.reporter.tell(f"{self.run.model}: written again from {best.name}")

    def header(self) -> None:
        """What is about to happen, and what should not."""
        recipe, tell = self.recipe, self.reporter.tell
        weights = sum(math.prod(weight.shape) for weight in self.model.trainable_weights)
        peak = max(self._rate(step) for step in range(1, recipe.steps + 1))
        epoch = len(self.material.train)
        tell(
            f"{self.experiment.name}: {weights:,} parameters, {keras.config.backend()}, "
            f"{_devices()}, {keras.config.dtype_policy().name}, seed {recipe.seed}"
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
            self._tend(record, clock)
            clock.settle()
            if stop.asked and self.step < self.recipe.steps:
                if self.saved < self.step:
                    self._save()
                raise Interrupted(f"stopped at step {self.step}; the same command goes on")

    def _batches(self, step: int) -> list[dict]:
        count = self.recipe.batch.accumulate
        return [self.material.train[(step - 1) * count + place] for place in range(count)]

    def _take_step(self, batches: list[dict]) -> dict:
        rate = self._rate(self.step + 1)
        self.engine.optimizer.learning_rate = rate
        weights = weights_at(self.experiment.objectives, self.step + 1, self.recipe.steps)
        found = metrics(self.engine.train(batches, weights), weights)
        if not math.isfinite(found["loss"]) or not math.isfinite(self.engine.gradient_norm):
            self._diverged(found["loss"])
        self.step += 1
        return {"step": self.step, **found, "learning_rate": rate}

    def _diverged(self, loss: float) -> None:
        """Stop, before anything of it is saved."""
        count = self.recipe.batch.accumulate
        first = self.step * count
        batches = f"batch {first}" if count == 1 else f"batches {first} to {first + count - 1}"
        stands = checkpoint.steps(self.run.checkpoints)
        kept = f"the checkpoint {stands[-1].name} stands" if stands else "there is no checkpoint"
        raise TrainingFailed(
            f"at step {self.step + 1}, {batches}, the loss is {loss:g} and the gradient's norm "
            f"{self.engine.gradient_norm:g}; {kept}. A lower learning rate or "
            "training.global_clipnorm often helps; a changed spec begins with --restart"
        )

    def _tend(self, record: dict, clock: "Clock") -> None:
        """What is due after a step: a line, a measurement, a checkpoint."""
        recipe, last = self.recipe, self.step == self.recipe.steps
        if clock.taken == 2 or last or self.step % recipe.log_every == 0:
            record |= {"gradient_norm": self.engine.gradient_norm, **clock.rates()}
            self.run.log(record)
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
            self.run.log(found)
            self.reporter.evaluation(found, self.names)
            loss = found["validation_loss"]
            if not math.isfinite(loss):
                self._diverged(loss)
        self.last = record | found
        improved = loss < self.best or self.material.validation is None
        if improved:
            self.best, self.best_step = loss, self.step
            self.run.save_model(self.model)
        return improved

    def _measure(self, batches) -> dict:
        sums = added([self.engine.measure(batches[number]) for number in range(len(batches))])
        # Weighed as at the last step, so that measurements can be compared.
        last = self.recipe.steps
        found = metrics(sums, weights_at(self.experiment.objectives, last, last))
        return {f"validation_{name}": value for name, value in found.items()}

    def _save(self) -> None:
        folder, best_step = self.run.checkpoints, self.best_step
        best = None if self.best_step is None else self.best
        state = {"step": self.step, "best": best, "best_step": best_step, "last": self.last}
        state["text"] = self.material.prepared.state()
        arrays = checkpoint.snapshot(self.graph, self.engine.optimizer)
        checkpoint.write(checkpoint.at_step(folder, self.step), arrays, state)
        kept = None if best_step is None else checkpoint.at_step(folder, best_step)
        checkpoint.prune(folder, best=kept)

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
        recipe = self.recipe
        return recipe.learning_rate.rate_at(step, recipe.steps, self.experiment.model.hidden_dim)

    def _small_data(self) -> list[str]:
        count, epoch = self.recipe.batch.accumulate, len(self.material.train)
        if count <= epoch:
            return []
        return [f"a step accumulates {count} batches, and the whole training text has {epoch}"]


class Clock:
    """Where the time of a run goes; the first step, in which the graph is traced, not counted."""

    def __init__(self, steps: int):
        self.todo, self.taken = steps, 0
        self._begun = self._since = perf_counter()
        self._waited, self._tokens = 0.0, 0

    def waited(self, result):
        """The batches that `result` gives; the time until they are there is waiting."""
        before = perf_counter()
        batches = result()
        self._waited += perf_counter() - before
        return batches

    def took_step(self, batches: list[dict]) -> None:
        self.taken += 1
        self._tokens += sum(
            int(array.sum())
            for batch in batches
            for name, array in batch.items()
            if name.endswith("padding_mask")
        )

    def settle(self) -> None:
        """After the first step, begin anew: it is not like the others."""
        if self.taken == 1:
            self._begun = perf_counter()
            self.restart()

    def rates(self) -> dict:
        """Real tokens a second, and the share of time spent waiting for data, since the restart."""
        seconds = perf_counter() - self._since
        return {
            "tokens_per_second": self._tokens / seconds,
            "waiting_share": self._waited / seconds,
        }

    def restart(self) -> None:
        """Rates are of what comes from here on."""
        self._since, self._waited, self._tokens = perf_counter(), 0.0, 0

    def pause(self, work):
        """Do `work`; the time it takes is not the steps'."""
        before = perf_counter()
        found = work()
        self._since += perf_counter() - before
        return found

    def left(self) -> float:
        """Seconds until the end at the pace so far, measuring and saving included."""
        counted = max(self.taken - 1, 1)
        return (perf_counter() - self._begun) / counted * (self.todo - self.taken)


def dtype_policy(precision: str) -> str:
    """The name of Keras's policy; `auto` is bfloat16 on a GPU and float32 elsewhere."""
    if precision == "auto":
        precision = "bfloat16" if _gpus() else "float32"
    return "mixed_bfloat16" if precision == "bfloat16" else precision


def _gpus() -> list:
    import tensorflow as tf

    return tf.config.list_physical_devices("GPU")


def _devices() -> str:
    return f"{len(_gpus())} GPU" if _gpus() else "CPU"


def _budget(batch) -> str:
    size = f"{batch.tokens} tokens" if batch.tokens else f"{batch.examples} examples"
    return f"{batch.accumulate} x {size} a step" if batch.accumulate > 1 else f"{size} a step"
