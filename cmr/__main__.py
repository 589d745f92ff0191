"""`python -m cmr`."""

from cmr.cli.main import main

if __name__ == "__main__":
    main()
