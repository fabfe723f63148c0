"""Run `python -m archbuilder` several times in one process, which loads Keras only once.

Standard input is a JSON list of lists of command-line arguments. The last line of standard output
is a JSON list of exit statuses; commands after the first failure are not run. The argument is the
source tree, which must be the first path of PYTHONPATH.
"""

import importlib.util
import json
import runpy
import sys


def exit_status(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    sys.argv = ["archbuilder", *arguments]
    try:
        runpy.run_module("archbuilder", run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def check_origin(tree: str) -> None:
    """Raise `RuntimeError` if archbuilder would not be imported from `tree`."""
    spec = importlib.util.find_spec("archbuilder")
    if spec is None or spec.origin is None or not spec.origin.startswith(tree):
        raise RuntimeError(f"archbuilder is imported from {spec and spec.origin}, not from {tree}")


def run_until_failure(commands: list[list[str]]) -> list[int]:
    """Run commands until one fails and return the exit statuses."""
    statuses: list[int] = []
    for arguments in commands:
        statuses.append(exit_status(arguments))
        if statuses[-1] != 0:
            break
    return statuses


if __name__ == "__main__":
    check_origin(sys.argv[1])
    print(json.dumps(run_until_failure(json.load(sys.stdin))))
