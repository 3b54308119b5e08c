"""Exit codes of the command line, and the error that carries one."""

EXIT_DONE = 0
"""What was asked for is done."""

EXIT_FAILED = 1
"""It did not succeed; the message says why."""

EXIT_USAGE = 2
"""Wrong options or settings; the message names field, value and remedy."""

EXIT_PARTIAL = 3
"""Done, but rows were rejected or a bound was missed; the output names them."""

EXIT_INTERRUPTED = 130
"""Ended by Ctrl-C or SIGTERM; everything that was started is stopped."""


class CommandError(Exception):
    """A command cannot go on; the message is what the person reads."""

    def __init__(self, message: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code
