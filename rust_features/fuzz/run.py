"""Fuzzes every target with coverage: `python3 rust_features/fuzz/run.py [--executions N] [--keep]`.

Needs nothing but the stable toolchain that the project builds with. Prints executions, edges, inputs and crashes of
each target; an input that crashes is kept under `crashes` of Cargo's target folder. With `--keep` the corpus becomes
the essence of what was found.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
TARGETS = sorted(folder.name for folder in (FUZZ / "corpus").iterdir())
CORPUS_BYTES = 30 << 10
"""Of each target."""
# A counter of one byte at every edge, in one section that the targets read.
COVERAGE = (
    "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 "
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters --cfg fuzzing"
)


def main() -> int:
    """Builds, runs every target, as many at once as there are processors, and returns 1 where one crashed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", default=TARGETS, metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--executions", type=int, default=1_000_000, help="of each target (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other inputs (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep what was found in the corpus")
    options = parser.parse_args()
    binary = build()
    keep = ["--keep", str(CORPUS_BYTES)] if options.keep else []

    def crashed(target: str) -> bool:
        corpus = FUZZ / "corpus" / target
        command = [str(binary), target, str(options.executions), str(options.seed), str(corpus), *keep]
        return subprocess.run(command, cwd=FUZZ.parent / "target", check=False).returncode != 0

    # A campaign is one thread.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return int(any(pool.map(crashed, options.targets)))


def build() -> Path:
    """The instrumented binary. Naming the host as the target keeps build scripts free of counters."""
    version = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    host = next(line.removeprefix("host: ") for line in version.splitlines() if line.startswith("host: "))
    command = ["cargo", "build", "--locked", "--quiet", "--profile", "fuzz", "--package", "cart-recovery-fuzz"]
    environment = os.environ | {"RUSTFLAGS": COVERAGE}
    subprocess.run([*command, "--target", host], cwd=FUZZ, env=environment, check=True)
    return FUZZ.parent / "target" / host / "fuzz" / "fuzz"


if __name__ == "__main__":
    sys.exit(main())
