"""The command line, ``dispatcher``. Each command's modules are imported when it is called, not before."""

from dispatcher.cli.app import main

__all__ = ["main"]
