"""The program `archbuild`, which reports Ctrl-C even while its modules are being imported."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from archbuilder import cli

        cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
