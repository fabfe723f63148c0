"""The output and the exit codes of the command line."""

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
EXCLUDED_PACKAGES = (
    "archbuilder.exchange",
    "archbuilder.inference",
    "archbuilder.insight",
    "archbuilder.runs",
    "archbuilder.training.engines",
    "archbuilder.training.loop",
)
"""Packages that reading a spec never imports."""

TEN_ERRORS = """\
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

THREE_ERRORS_ACROSS_SECTIONS = """\
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
    process = subprocess.run(
        [*ARCHBUILD, *map(str, words)], cwd=folder, capture_output=True, text=True, **options
    )
    assert "Traceback" not in process.stderr
    return process


def archbuild_in_process(*words, text=""):
    """Run the command in this process, where Keras is imported already."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["archbuild", *map(str, words)])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        with pytest.raises(SystemExit) as exited:
            main()
    return SimpleNamespace(
        returncode=exited.value.code, stdout=out.getvalue(), stderr=err.getvalue()
    )


def test_validating_all_shipped_specs_imports_few_modules_and_no_framework():
    specs = sorted(shipped_specs().glob("*.yaml"))
    code = (
        "import sys, archbuilder.cli as cli\n"
        "try: cli.main()\n"
        "finally: print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, "validate", *map(str, specs)], capture_output=True, text=True
    )
    assert process.stdout == "".join(f"{path}: ok\n" for path in specs)
    imported = process.stderr.splitlines()
    assert not FRAMEWORKS & set(imported)
    assert not [name for name in imported if name.startswith(EXCLUDED_PACKAGES)]
    assert len(imported) < 700  # About 500, most of them from Python, numpy and pydantic.


def test_ten_errors_in_fields_are_reported_in_ten_lines(tmp_path):
    (tmp_path / "ten.yaml").write_text(TEN_ERRORS)
    process = archbuild("validate", "ten.yaml", folder=tmp_path)
    assert process.returncode == 2
    assert [line.split(": ")[:2] for line in process.stderr.splitlines()] == [
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


def test_three_errors_across_sections_are_reported_in_three_lines(tmp_path):
    (tmp_path / "three.yaml").write_text(THREE_ERRORS_ACROSS_SECTIONS)
    process = archbuild("validate", "three.yaml", folder=tmp_path)
    assert process.returncode == 2
    assert process.stderr.splitlines() == [
        "three.yaml:9:46: model.encoder.attention.num_heads: "
        "num_heads (8) must divide hidden_dim (60)",
        "three.yaml:14:18: objectives.next_sentence: needs a pooled output; set model.pooler",
        "three.yaml:17:20: data.sequence_length: must be at most 32 for model.positions, not 64",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_text(command):
    process = archbuild(command, "--help")
    assert process.returncode == 0
    assert "Usage" in process.stdout


def test_summary_counts_parameters():
    process = archbuild("summary", shipped_specs() / "bert_base.yaml", "--json")
    parameters = json.loads(process.stdout)["parameters"]
    assert parameters["total"] == 110_106_428 == sum(parameters["parts"].values())


def test_resolved_shows_the_origin_of_every_value():
    spec = shipped_specs() / "bert_tiny.yaml"
    process = archbuild("validate", "--resolved", spec, "--set", "model.hidden_dim=64")
    assert "hidden_dim: 64  # --set" in process.stdout
    assert "scale: false  # " in process.stdout
    assert "bert_base.yaml:" in process.stdout


@pytest.mark.parametrize("like", ["bert", "transformer"])
def test_a_new_spec_is_valid_and_never_overwrites_a_file(like, tmp_path):
    assert archbuild("new", "mine", "--like", like, folder=tmp_path).returncode == 0
    assert archbuild("validate", "mine.yaml", folder=tmp_path).stdout == "mine.yaml: ok\n"
    again = archbuild("new", "mine", "--like", like, folder=tmp_path)
    assert again.returncode == 2
    assert again.stderr == "mine.yaml: already exists; choose another name or delete the file\n"


ERRORS = {
    "missing spec": (("train", "none.yaml"), "none.yaml: there is no such file"),
    "missing run": (("predict", "none"), "none: not a run folder: it has no spec.yaml"),
    "empty run": (
        ("train", shipped_specs() / "quickstart.yaml", "--run", ""),
        "--run must not be empty; give the path of a folder",
    ),
    "too many layers": (
        ("summary", shipped_specs() / "bert_tiny.yaml", "--set", "model.encoder.num_layers=99999"),
        "--set model.encoder.num_layers=99999: model.encoder.num_layers: "
        "must be at most 10000, not 99999",
    ),
    "unknown starter": (
        ("new", "x", "--like", "gpt"),
        "--like gpt: unknown starter; choose from bert, transformer",
    ),
    "invalid name": (
        ("new", "../x"),
        "'../x': a name must consist of letters, digits, '_', '-' and '.', "
        "and not start with '-' or '.'",
    ),
    "missing data": (
        ("train", shipped_specs() / "bert_tiny.yaml"),
        "bert_tiny: training needs 'data' in the spec",
    ),
}


@pytest.mark.parametrize(("words", "message"), ERRORS.values(), ids=ERRORS)
def test_a_user_error_is_one_line_and_exit_code_2(words, message, tmp_path):
    process = archbuild(*words, folder=tmp_path, input="")
    assert process.returncode == 2
    assert process.stderr == f"{message}\n"


def test_a_path_that_cannot_be_written_is_a_user_error(tmp_path):
    process = archbuild("schema", "-o", "no/schema.json", folder=tmp_path)
    assert process.returncode == 2
    assert process.stderr == "no/schema.json: cannot be written: No such file or directory\n"
    process = archbuild("schema", "-o", ".", folder=tmp_path)
    assert process.returncode == 2
    assert process.stderr == ".: cannot be written: Is a directory\n"


def test_a_closed_stdout_prints_no_error(tmp_path):
    for words in (["schema"], ["validate", *sorted(shipped_specs().glob("*.yaml"))]):
        reader, writer = os.pipe()
        os.close(reader)
        command = [*ARCHBUILD, *map(str, words)]
        process = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        assert (process.stderr, process.returncode) == (b"", 1)


def test_a_missing_backend_is_reported_in_one_line(tmp_path):
    spec = small_run.write(small_run.bert(tmp_path), tmp_path / "spec.yaml")
    process = archbuild("train", spec, folder=tmp_path, env=os.environ | {"KERAS_BACKEND": "nope"})
    assert process.returncode == 2
    assert process.stderr.startswith("KERAS_BACKEND is 'nope': Keras cannot be imported (")
    assert process.stderr.count("\n") == 1


@pytest.mark.parametrize("stop", ["SIGINT", "SIGTERM"])
def test_a_signal_during_preparation_interrupts_the_run(stop, tmp_path):
    spec = small_run.write(small_run.bert(tmp_path), tmp_path / "spec.yaml")
    code = (
        "import os, signal, sys, archbuilder.cli as cli, archbuilder.experiment as experiment\n"
        f"experiment.load_keras = lambda *_: os.kill(os.getpid(), signal.{stop})\n"
        "sys.argv = ['archbuild', 'train', 'spec.yaml']\n"
        "cli.main()"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=spec.parent, capture_output=True)
    assert process.returncode == 130
    assert process.stderr.decode() == (
        "interrupted; the same command resumes from the last checkpoint, if there is one\n"
    )


@pytest.mark.parametrize(
    "patch_code",
    ["sys.modules['archbuilder.cli'] = Loading()", "cli.spec_commands.load_experiment = stop"],
)
def test_an_interrupt_prints_one_word(patch_code):
    code = (
        "import sys\n"
        "import archbuilder.__main__ as program, archbuilder.cli as cli\n"
        "def stop(*_): raise KeyboardInterrupt\n"
        "class Loading:\n  main = property(stop)\n"
        f"{patch_code}\n"
        "import archbuilder; archbuilder.cli = sys.modules['archbuilder.cli']\n"
        "sys.argv = ['archbuild', 'summary', 'spec.yaml']\n"
        "program.main()"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert (process.stderr, process.returncode) == (b"interrupted\n", 130)


def start_archbuild(*words, folder):
    """Start the command and return its process, whose output can be read line by line."""
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
def test_an_interrupted_run_is_saved_and_resumed_by_the_same_command(stop, tmp_path):
    spec = small_run.write(small_run.bert(tmp_path, steps=100_000), tmp_path / "spec.yaml")
    first = start_archbuild("train", spec, "--run", "run", folder=tmp_path)
    while not first.stdout.readline().startswith("step 5/"):
        pass
    first.send_signal(stop)
    _, error_output = first.communicate(timeout=60)
    assert first.returncode == 130
    step = int(error_output.split("stopped at step ")[1].split(";")[0])
    assert list((tmp_path / "run" / "checkpoints").glob(f"step-{step:07d}*"))
    second = start_archbuild("train", spec, "--run", "run", folder=tmp_path)
    assert f"resuming from step {step}" in second.stdout.readline()
    second.kill()
    second.communicate()


@pytest.mark.slow
def test_a_second_interrupt_stops_immediately_and_keeps_the_last_checkpoint(tmp_path):
    spec = small_run.write(small_run.bert(tmp_path), tmp_path / "spec.yaml")
    code = (
        "import os, signal, sys\n"
        "from archbuilder.cli import main\n"
        "from archbuilder.training.loop.trainer import Trainer\n"
        "def interrupted(method):\n"
        "  def call(self, *arguments):\n"
        "    if self.state.step == 3: os.kill(os.getpid(), signal.SIGINT)\n"
        "    return method(self, *arguments)\n"
        "  return call\n"
        "Trainer._run_periodic = interrupted(Trainer._run_periodic)\n"
        "Trainer._save = interrupted(Trainer._save)\n"
        "sys.argv = ['archbuild', 'train', 'spec.yaml', '--run', 'run']\n"
        "main()"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert process.returncode == 130
    assert process.stderr.decode().splitlines()[-1] == (
        "interrupted; the same command resumes from the last checkpoint, if there is one"
    )
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-0000002"]
    again = archbuild("train", spec, "--run", tmp_path / "run")
    assert "resuming from step 2" in again.stdout


@pytest.fixture(
    scope="module",
    params=[pytest.param(kind, marks=pytest.mark.xdist_group(kind)) for kind in RUNS],
)
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    spec = small_run.write(getattr(small_run, request.param)(folder), folder / "spec.yaml")
    load(spec).train(folder / "run")
    return request.param, folder


def test_predict_prints_one_line_per_input_line_in_order(run):
    kind, folder = run
    lines = ["the list [MASK] a file .", "a [MASK] reads the [MASK] .", "[MASK]"] * 30
    process = archbuild("predict", folder / "run", input="\n".join(lines) + "\n")
    assert process.returncode == 0, process.stderr
    assert len(process.stdout.splitlines()) == 90
    as_json = archbuild_in_process(
        "predict", folder / "run", "--json", text="\n".join(lines) + "\n"
    )
    objects = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [prediction["text"] for prediction in objects] == process.stdout.splitlines()
    if kind == "bert":
        assert [len(line["predictions"]) for line in objects[:3]] == [1, 2, 1]
        assert all(len(best) == 5 for line in objects for best in line["predictions"])


def test_an_unavailable_task_is_an_error(run):
    kind, folder = run
    bert = ("translate", "fill_mask, embed")
    other, own = bert if kind == "bert" else ("fill_mask", "translate")
    process = archbuild_in_process("predict", folder / "run", "--task", other, text="a\n")
    assert process.returncode == 2
    assert process.stderr == f"task '{other}' is not available for this run; choose from {own}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format_name", "name"), [("keras", "m.keras"), ("saved_model", "m.saved")]
)
def test_an_export_is_reloaded_without_archbuilder_and_compared(run, format_name, name):
    _, folder = run
    process = archbuild_in_process(
        "export", folder / "run", "--format", format_name, "-o", folder / name
    )
    assert process.returncode == 0, process.stderr
    assert "exported and reloaded; largest difference of the outputs:" in process.stdout
    again = archbuild_in_process(
        "export", folder / "run", "--format", format_name, "-o", folder / name
    )
    assert again.returncode == 2
    assert again.stderr == f"{folder / name}: already exists\n"


def test_prepare_and_inspect_import_no_framework(tmp_path):
    spec = small_run.write(small_run.bert(tmp_path), tmp_path / "spec.yaml")
    code = (
        "import sys, archbuilder.cli as cli\n"
        "try: cli.main()\n"
        "finally: sys.stderr.write(' '.join({'keras', 'tensorflow', 'jax'} & set(sys.modules)))"
    )
    for command in ("prepare", "inspect"):
        words = [sys.executable, "-c", code, command, str(spec)]
        process = subprocess.run(words, capture_output=True, text=True)
        assert process.returncode == 0
        assert process.stderr == ""
        assert "data.train" in process.stdout
    as_json = archbuild("inspect", spec, "--json", "--examples", "1")
    assert json.loads(as_json.stdout)["train"]["text"]["documents"] == 30


def test_training_reuses_the_prepared_text(tmp_path):
    spec = small_run.write(small_run.bert(tmp_path, steps=1), tmp_path / "spec.yaml")
    environment = os.environ | {"ARCHBUILDER_CACHE": str(tmp_path / "cache")}
    process = archbuild("prepare", spec, env=environment)
    assert "training the tokenizer for a vocabulary of 100 tokens" in process.stdout
    assert "data.train: 30 documents" in process.stdout
    trained = archbuild("train", spec, "--run", tmp_path / "run", env=environment)
    assert trained.returncode == 0
    assert "training the tokenizer" not in trained.stdout
