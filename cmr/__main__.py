"""The process of a command: `cmr` and `python -m cmr`."""

from cmr.cli.startup import collect_seldom, leave, without_compiler


def run() -> None:
    """Run the command line as a process of its own, and exit."""
    collect_seldom()
    without_compiler()
    from cmr.cli.main import main

    try:
        main()
    except SystemExit as end:
        leave(end)


if __name__ == "__main__":
    run()
