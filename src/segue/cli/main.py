"""Entry point. It answers ``--version`` before anything heavy is imported, and ``expr`` before what serves flows."""

import sys


def main() -> None:
    """Run the command in ``sys.argv``. Exit code 0 success, 1 failure, 2 wrong usage, 130 interrupted."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from segue import __version__

        sys.stdout.write(f"segue {__version__}\n")
        return
    if sys.argv[1:2] == ["expr"]:
        from segue.cli.expr import app
        from segue.cli.running import run_app

        sys.exit(run_app(app, sys.argv[2:], "segue expr"))
    from segue.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
