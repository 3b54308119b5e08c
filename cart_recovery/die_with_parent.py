"""Runs a program that the kernel ends with the process that started it, also when that one is killed.

The child asks for this itself, in an interpreter of its own, before it becomes the program: code between fork and exec
of a process with threads (gRPC's, the engine's) may abort.
"""

import ctypes
import os
import signal
import sys

_SET_PARENT_DEATH_SIGNAL = 1


def mortal(command: list[str]) -> list[str]:
    """The command line that runs `command` so; `command` itself where the kernel is not Linux.

    Start it from the main thread: the kernel ends the child with the thread that started it.
    """
    if not sys.platform.startswith("linux"):
        return command
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def _become(parent: int, command: list[str]) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    # The parent may have died before the request was made.
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 (no shell is wanted)


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
