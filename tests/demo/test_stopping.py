"""A demo whose parts do not stop ends all the same."""

import subprocess
import sys

HANGING = """
import time
from dispatcher.cli.demo import command
from dispatcher.runtime import running

class Hanging:
    def __init__(self, *_):
        pass
    def start(self):
        raise KeyboardInterrupt
    def stop(self):
        print("stopping", flush=True)
        time.sleep(600)

running.LONGEST_STOP = 0.2
command.Stage = Hanging
command.demo()
"""


def test_a_stop_that_hangs_is_given_up() -> None:
    command = [sys.executable, "-c", HANGING]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert ended.returncode == 1
    assert "stopping" in ended.stdout
    assert "stopping took longer" in ended.stderr
