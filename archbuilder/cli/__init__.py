"""The `archbuild` command line: parses arguments, calls the package, prints results.

Exit codes: 0 success; 1 failure while working; 2 a mistake in the input; 130 interrupted.
"""

import os
import sys

import typer

# isort: off
# Each module adds its commands, in the order of the help.
from archbuilder.cli import spec_commands, data_commands, run_commands, exchange_commands

# isort: on
from archbuilder.cli.app import app
from archbuilder.errors import UserError

__all__ = ["app", "data_commands", "exchange_commands", "main", "run_commands", "spec_commands"]


def main() -> None:
    """Run the command line and exit with the code of the result."""
    from archbuilder.stopping import OperationFailedError, RunInterruptedError

    try:
        app()
    except UserError as error:
        _exit(str(error), 2)
    except (RunInterruptedError, KeyboardInterrupt) as error:
        _exit(str(error) or "interrupted", 130)
    except BrokenPipeError:
        _exit_quietly()
    except (OperationFailedError, OSError) as error:
        _exit(str(error), 1)


def _exit(message: str, code: int) -> None:
    typer.echo(message, err=True)
    sys.exit(code)


def _exit_quietly() -> None:
    """Exit without a message when stdout is closed, also during Python's final flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(1)
