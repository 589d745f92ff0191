"""Run the command line from a checkout: `python cli.py …`."""

from cmr.__main__ import run

if __name__ == "__main__":
    run()
