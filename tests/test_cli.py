"""The command line as a person meets it: what it prints, and how it exits."""

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace

import pytest

from archbuilder.cli import main
from archbuilder.experiment import load
from archbuilder.shipped import shipped_specs
from tests import small_run

ARCHBUILD = [sys.executable, "-c", "from archbuilder.cli import main; main()"]
RUNS = ("bert", "transformer")
COMMANDS = (
    "new",
    "validate",
    "schema",
    "summary",
    "prepare",
    "inspect",
    "train",
    "predict",
    "import",
    "export",
)

FRAMEWORKS = {"keras", "tensorflow", "jax", "torch", "tokenizers", "sentencepiece", "pyarrow"}
NOT_FOR_READING = (
    "archbuilder.exchange",
    "archbuilder.inference",
    "archbuilder.insight",
    "archbuilder.runs",
    "archbuilder.training.engines",
    "archbuilder.training.loop",
)
"""Packages that reading a spec never imports."""

TEN_MISTAKES = """\
name: 5
model:
  hidden_dim: 64.0
  vocabulary_size: many
  embeddings: {tie: sometimes, dropout: 2}
  positions: {type: sinusodial}
  encoder:
    num_layers: 0
    attention: {type: multi_head, num_heads: 4, dropuot: 0.1}
    feed_forward: {type: mlp, intermediate_dim: 128, activation: rellu}
    norm: {type: layer_norm}
objectives:
  maskd_lm: {}
"""

THREE_THAT_SPAN_PARTS = """\
name: three
model:
  hidden_dim: 60
  vocabulary_size: 100
  embeddings: {tie: output, num_segments: 2}
  positions: {type: learned, max_sequence_length: 32}
  encoder:
    num_layers: 1
    attention: {type: multi_head, num_heads: 8}
    feed_forward: {type: mlp, intermediate_dim: 128, activation: relu}
    norm: {type: layer_norm}
objectives:
  masked_lm: {}
  next_sentence: {}
data:
  train: {type: python_docs}
  sequence_length: 64
"""


def archbuild(*words, folder=None, **options):
    done = subprocess.run(
        [*ARCHBUILD, *map(str, words)], cwd=folder, capture_output=True, text=True, **options
    )
    assert "Traceback" not in done.stderr
    return done


def inside(*words, text=""):
    """The same in this process, where Keras is loaded already."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["archbuild", *map(str, words)])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        with pytest.raises(SystemExit) as ended:
            main()
    return SimpleNamespace(
        returncode=ended.value.code, stdout=out.getvalue(), stderr=err.getvalue()
    )


def test_validating_all_shipped_specs_imports_little_and_no_framework():
    specs = sorted(shipped_specs().glob("*.yaml"))
    code = (
        "import sys, archbuilder.cli as cli\n"
        "try: cli.main()\n"
        "finally: print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "validate", *map(str, specs)], capture_output=True, text=True
    )
    assert done.stdout == "".join(f"{path}: ok\n" for path in specs)
    imported = done.stderr.splitlines()
    assert not FRAMEWORKS & set(imported)
    assert not [name for name in imported if name.startswith(NOT_FOR_READING)]
    assert len(imported) < 700  # About 500, most of them of Python, numpy and pydantic.


def test_ten_mistakes_in_fields_are_ten_lines(tmp_path):
    (tmp_path / "ten.yaml").write_text(TEN_MISTAKES)
    done = archbuild("validate", "ten.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [
        ["ten.yaml:1:7", "name"],
        ["ten.yaml:3:15", "model.hidden_dim"],
        ["ten.yaml:4:20", "model.vocabulary_size"],
        ["ten.yaml:5:21", "model.embeddings.tie"],
        ["ten.yaml:5:41", "model.embeddings.dropout"],
        ["ten.yaml:6:21", "model.positions.type"],
        ["ten.yaml:8:17", "model.encoder.num_layers"],
        ["ten.yaml:9:49", "model.encoder.attention.dropuot"],
        ["ten.yaml:10:66", "model.encoder.feed_forward.activation"],
        ["ten.yaml:13:3", "objectives.maskd_lm"],
    ]


def test_three_mistakes_that_span_parts_are_three_lines(tmp_path):
    (tmp_path / "three.yaml").write_text(THREE_THAT_SPAN_PARTS)
    done = archbuild("validate", "three.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "three.yaml:9:46: model.encoder.attention.num_heads: 8 heads do not divide hidden_dim 60",
        "three.yaml:14:18: objectives.next_sentence: "
        "this objective reads the pooled vector: give the model a pooler",
        "three.yaml:17:20: data.sequence_length: "
        "64 tokens are more than the 32 that model.positions knows",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    done = archbuild(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_summary_counts_without_keras():
    done = archbuild("summary", shipped_specs() / "bert_base.yaml", "--json")
    found = json.loads(done.stdout)["parameters"]
    assert found["total"] == 110_106_428 == sum(found["parts"].values())


def test_resolved_names_the_origin_of_every_value():
    spec = shipped_specs() / "bert_tiny.yaml"
    done = archbuild("validate", "--resolved", spec, "--set", "model.hidden_dim=64")
    assert "hidden_dim: 64  # --set" in done.stdout
    assert "scale: false  # " in done.stdout
    assert "bert_base.yaml:" in done.stdout


@pytest.mark.parametrize("like", ["bert", "transformer"])
def test_a_new_spec_is_valid_and_is_never_written_over_another(like, tmp_path):
    assert archbuild("new", "mine", "--like", like, folder=tmp_path).returncode == 0
    assert archbuild("validate", "mine.yaml", folder=tmp_path).stdout == "mine.yaml: ok\n"
    again = archbuild("new", "mine", "--like", like, folder=tmp_path)
    assert again.returncode == 2
    assert again.stderr == "mine.yaml: already exists; choose another name or delete the file\n"


MISTAKES = {
    "no such spec": (("train", "none.yaml"), "none.yaml: there is no such file"),
    "no such run": (("predict", "none"), "none: not a run folder: it has no spec.yaml"),
    "an empty run": (
        ("train", shipped_specs() / "quickstart.yaml", "--run", ""),
        "--run must not be empty; name a folder",
    ),
    "layers without end": (
        ("summary", shipped_specs() / "bert_tiny.yaml", "--set", "model.encoder.num_layers=99999"),
        "--set model.encoder.num_layers=99999: model.encoder.num_layers: "
        "must be at most 10000, not 99999",
    ),
    "no such kind": (
        ("new", "x", "--like", "gpt"),
        "--like gpt: unknown starter; choose from bert, transformer",
    ),
    "a bad name": (
        ("new", "../x"),
        "'../x': a name must be a letter, digit or '_', and then these, '-' and '.'",
    ),
    "no training": (
        ("train", shipped_specs() / "bert_tiny.yaml"),
        "bert_tiny: training needs 'data' in the spec",
    ),
}


@pytest.mark.parametrize(("words", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence_and_exit_code_2(words, sentence, tmp_path):
    done = archbuild(*words, folder=tmp_path, input="")
    assert done.returncode == 2
    assert done.stderr == f"{sentence}\n"


def test_a_path_that_cannot_be_written_is_a_mistake(tmp_path):
    done = archbuild("schema", "-o", "no/schema.json", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "no/schema.json: cannot be written: No such file or directory\n"
    done = archbuild("schema", "-o", ".", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr == ".: cannot be written: Is a directory\n"


def test_who_has_read_enough_is_not_told_of_it(tmp_path):
    for words in (["schema"], ["validate", *sorted(shipped_specs().glob("*.yaml"))]):
        reader, writer = os.pipe()
        os.close(reader)
        command = [*ARCHBUILD, *map(str, words)]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        assert (done.stderr, done.returncode) == (b"", 1)


def test_a_backend_that_is_not_there_is_one_sentence(tmp_path):
    spec = small_run.write(small_run.bert(tmp_path), tmp_path / "spec.yaml")
    done = archbuild("train", spec, folder=tmp_path, env=os.environ | {"KERAS_BACKEND": "nope"})
    assert done.returncode == 2
    assert done.stderr.startswith("KERAS_BACKEND is 'nope': Keras cannot be imported (")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("stop", ["SIGINT", "SIGTERM"])
def test_a_signal_during_preparation_is_an_interrupt(stop, tmp_path):
    spec = small_run.write(small_run.bert(tmp_path), tmp_path / "spec.yaml")
    code = (
        "import os, signal, sys, archbuilder.cli as cli, archbuilder.experiment as experiment\n"
        f"experiment.load_keras = lambda *_: os.kill(os.getpid(), signal.{stop})\n"
        "sys.argv = ['archbuild', 'train', 'spec.yaml']\n"
        "cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=spec.parent, capture_output=True)
    assert done.returncode == 130
    assert done.stderr.decode() == (
        "interrupted; the same command resumes from the last checkpoint, if there is one\n"
    )


@pytest.mark.parametrize(
    "place", ["sys.modules['archbuilder.cli'] = Loading()", "cli._load = stop"]
)
def test_an_interrupt_of_anything_is_one_word(place):
    code = (
        "import sys\n"
        "import archbuilder.__main__ as program, archbuilder.cli as cli\n"
        "def stop(*_): raise KeyboardInterrupt\n"
        "class Loading:\n  main = property(stop)\n"
        f"{place}\n"
        "import archbuilder; archbuilder.cli = sys.modules['archbuilder.cli']\n"
        "sys.argv = ['archbuild', 'summary', 'spec.yaml']\n"
        "program.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert (done.stderr, done.returncode) == (b"interrupted\n", 130)


def begun(*words, folder):
    """The command, running, with its output to be read line by line."""
    return subprocess.Popen(
        [*ARCHBUILD, *map(str, words)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_saves_and_the_same_command_goes_on(stop, tmp_path):
    spec = small_run.write(small_run.bert(tmp_path, steps=100_000), tmp_path / "spec.yaml")
    first = begun("train", spec, "--run", "run", folder=tmp_path)
    while not first.stdout.readline().startswith("step 5/"):
        pass
    first.send_signal(stop)
    _, told = first.communicate(timeout=60)
    assert first.returncode == 130
    step = int(told.split("stopped at step ")[1].split(";")[0])
    assert list((tmp_path / "run" / "checkpoints").glob(f"step-{step:07d}*"))
    second = begun("train", spec, "--run", "run", folder=tmp_path)
    assert f"going on from step {step}" in second.stdout.readline()
    second.kill()
    second.communicate()


@pytest.mark.slow
def test_a_second_interrupt_ends_at_once_and_keeps_the_last_checkpoint(tmp_path):
    spec = small_run.write(small_run.bert(tmp_path), tmp_path / "spec.yaml")
    code = (
        "import os, signal, sys\n"
        "from archbuilder.cli import main\n"
        "from archbuilder.training.loop.trainer import Trainer\n"
        "def interrupted(do):\n"
        "  def done(self, *arguments):\n"
        "    if self.state.step == 3: os.kill(os.getpid(), signal.SIGINT)\n"
        "    return do(self, *arguments)\n"
        "  return done\n"
        "Trainer._run_periodic = interrupted(Trainer._run_periodic)\n"
        "Trainer._save = interrupted(Trainer._save)\n"
        "sys.argv = ['archbuild', 'train', 'spec.yaml', '--run', 'run']\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert done.returncode == 130
    assert done.stderr.decode().splitlines()[-1] == (
        "interrupted; the same command resumes from the last checkpoint, if there is one"
    )
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-0000002"]
    again = archbuild("train", spec, "--run", tmp_path / "run")
    assert "going on from step 2" in again.stdout


@pytest.fixture(
    scope="module",
    params=[pytest.param(kind, marks=pytest.mark.xdist_group(kind)) for kind in RUNS],
)
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    spec = small_run.write(getattr(small_run, request.param)(folder), folder / "spec.yaml")
    load(spec).train(folder / "run")
    return request.param, folder


def test_predict_gives_a_line_for_a_line_in_order(run):
    kind, folder = run
    lines = ["the list [MASK] a file .", "a [MASK] reads the [MASK] .", "[MASK]"] * 30
    done = archbuild("predict", folder / "run", input="\n".join(lines) + "\n")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 90
    as_json = inside("predict", folder / "run", "--json", text="\n".join(lines) + "\n")
    objects = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [found["text"] for found in objects] == done.stdout.splitlines()
    if kind == "bert":
        assert [len(found["predictions"]) for found in objects[:3]] == [1, 2, 1]
        assert all(len(best) == 5 for found in objects for best in found["predictions"])


def test_predicting_what_the_run_cannot_do_is_told(run):
    kind, folder = run
    bert = ("translate", "fill_mask, embed")
    other, own = bert if kind == "bert" else ("fill_mask", "translate")
    done = inside("predict", folder / "run", "--task", other, text="a\n")
    assert done.returncode == 2
    assert done.stderr == f"task '{other}' is not available for this run; choose from {own}\n"


@pytest.mark.slow
@pytest.mark.parametrize(("format", "name"), [("keras", "m.keras"), ("saved_model", "m.saved")])
def test_an_export_is_loaded_without_archbuilder_and_compared(run, format, name):
    _, folder = run
    done = inside("export", folder / "run", "--format", format, "-o", folder / name)
    assert done.returncode == 0, done.stderr
    assert "exported and reloaded; largest difference of the outputs:" in done.stdout
    again = inside("export", folder / "run", "--format", format, "-o", folder / name)
    assert again.returncode == 2
    assert again.stderr == f"{folder / name}: already exists\n"


def test_prepare_and_inspect_need_no_framework(tmp_path):
    spec = small_run.write(small_run.bert(tmp_path), tmp_path / "spec.yaml")
    code = (
        "import sys, archbuilder.cli as cli\n"
        "try: cli.main()\n"
        "finally: sys.stderr.write(' '.join({'keras', 'tensorflow', 'jax'} & set(sys.modules)))"
    )
    for command in ("prepare", "inspect"):
        words = [sys.executable, "-c", code, command, str(spec)]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0
        assert done.stderr == ""
        assert "data.train" in done.stdout
    as_json = archbuild("inspect", spec, "--json", "--examples", "1")
    assert json.loads(as_json.stdout)["train"]["text"]["documents"] == 30


def test_training_finds_what_was_prepared(tmp_path):
    spec = small_run.write(small_run.bert(tmp_path, steps=1), tmp_path / "spec.yaml")
    own = os.environ | {"ARCHBUILDER_CACHE": str(tmp_path / "cache")}
    done = archbuild("prepare", spec, env=own)
    assert "training the tokenizer to 100 tokens" in done.stdout
    assert "data.train: 30 documents" in done.stdout
    trained = archbuild("train", spec, "--run", tmp_path / "run", env=own)
    assert trained.returncode == 0
    assert "training the tokenizer" not in trained.stdout
