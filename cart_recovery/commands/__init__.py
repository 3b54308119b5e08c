"""One file per command: `add_arguments(parser)` and `run(options) -> exit code`. Commands compose; the work is done
by the parts they call."""
