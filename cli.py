"""Run the command line from a checkout: `python cli.py …`."""

from cmr.cli.main import main

if __name__ == "__main__":
    main()
