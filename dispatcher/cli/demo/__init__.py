"""``dispatcher demo``: the whole product in one process, at work on a simulated PBX."""

from dispatcher.cli.demo.command import demo

__all__ = ["demo"]
