"""The Typer application, and the arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core
from typing_extensions import override

from archbuilder.experiment import Experiment
from archbuilder.language import read, validate_tree


class Commands(typer.core.TyperGroup):
    """A group of commands that reports Ctrl-C in one line, without a traceback."""

    @override
    def invoke(self, ctx: Any) -> Any:
        from archbuilder.stopping import RunInterruptedError

        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise RunInterruptedError("interrupted") from None


app = typer.Typer(
    cls=Commands,
    help="Build, train and export Keras models from YAML specs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SpecFiles = Annotated[list[Path], typer.Argument(metavar="SPEC...", help="YAML spec files.")]
SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="YAML spec file.")]
RunPath = Annotated[
    Path, typer.Argument(metavar="RUN", help="Run folder that `train` or `import` created.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a value of the spec, such as training.steps=4. Can be repeated.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of plain text.")]


def load_experiment(spec: Path, overrides: list[str] | None) -> Experiment:
    """Load an experiment from a spec file, and print notes about the spec to standard error."""
    tree = read(spec, overrides or ())
    experiment = validate_tree(tree, Experiment)
    for note in tree.notes:
        typer.echo(f"note: {note}", err=True)
    return experiment
