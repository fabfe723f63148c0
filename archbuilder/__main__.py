"""The program `archbuild`: whoever stops it while it is still being loaded is told so, too."""

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
