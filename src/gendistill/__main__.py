"""``python -m gendistill``: the command `gendistill`."""

from gendistill.cli.app import main

if __name__ == "__main__":
    main()
