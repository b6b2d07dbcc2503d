"""Entry point. It answers ``--version`` before anything heavy is imported."""

import sys


def main() -> None:
    """Run the command in ``sys.argv``. Exit code 0 success, 1 failure, 2 wrong usage, 130 interrupted."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from segue import __version__

        sys.stdout.write(f"segue {__version__}\n")
        return
    from segue.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
