"""A model as a shared library, where it is no forest: treelite reads it, tl2cgen writes C, clang from the ziglang wheel
compiles it.

`require_same` asks a model as the engine does, so that a bundle can be checked against the booster before it is signed.
"""

import ctypes
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import tl2cgen
from numpy.typing import NDArray

from rust_features import forest_margins
from training.boosters.booster import Booster, compilable
from training.boosters.errors import ExportFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMPILE_SECONDS = 600
_dlclose = ctypes.CDLL(None).dlclose
_dlclose.argtypes = [ctypes.c_void_p]


def export(boosters: Sequence[Booster], targets: Sequence[Path]) -> None:
    """Compiles each booster to its target, all at the same time; none where one is refused. Raises ExportFailed, and
    leaves no compiler running."""
    with tempfile.TemporaryDirectory(prefix="cart-recovery-export-") as scratch, ExitStack() as compilers:
        sources = [Path(scratch) / str(number) for number in range(len(boosters))]
        for booster, source in zip(boosters, sources, strict=True):
            _write_c(booster, source)
        running = []
        for source, target in zip(sources, targets, strict=True):
            process = compilers.enter_context(_start_compiler(source, target))
            compilers.callback(process.kill)
            running.append((target, process))
        for target, process in running:
            try:
                _, words = process.communicate(timeout=_COMPILE_SECONDS)
            except subprocess.TimeoutExpired:
                raise ExportFailed(f"{target.name}: the compiler took longer than {_COMPILE_SECONDS} s") from None
            if process.returncode != 0:
                raise ExportFailed(f"{target.name}: {words[-2000:]}")


class LibraryModel:
    """A compiled model, for the length of a `with`. T = double: features are f32 widened to f64, leaf sums are doubles.

    ctypes never closes a library. One that stayed open would map its file to the end of the process; where somebody
    truncates that file, the addresses that the linker filled in are gone, and the exit crashes in the finalisers.
    """

    def __init__(self, path: Path) -> None:
        """Loads the library."""
        self._library = ctypes.CDLL(str(path))
        self._library.get_num_feature.restype = ctypes.c_int32
        self._library.predict.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_double)]
        self._library.predict.restype = None
        self.features: int = self._library.get_num_feature()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        handle = self._library._handle  # noqa: SLF001 - a documented attribute
        # Later calls fail for want of the attribute; they would jump to where no code is any more.
        del self._library
        _dlclose(handle)

    def log_odds(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Raw margins of rows (n, features); NaN is missing."""
        if rows.ndim != 2 or rows.shape[1] != self.features:
            raise ValueError(f"rows of {self.features} features are needed, got the shape {rows.shape}")
        # An entry is a union of an int that says "missing" by -1 and the double itself.
        entries = np.ascontiguousarray(rows, dtype=np.float64)
        missing = np.isnan(rows)
        entries.view(np.int64)[missing] = -1
        margins = np.empty(len(rows))
        result = ctypes.c_double()
        for number in range(len(rows)):
            result.value = 0.0  # predict adds into it
            self._library.predict(entries[number].ctypes.data, 1, ctypes.byref(result))
            margins[number] = result.value
        return margins


def require_same(model: Path, rows: NDArray[np.float32], expected: NDArray[np.float64]) -> None:
    """Every margin of a forest or a library must be the booster's, to the bit. Raises ExportFailed."""
    margins = _margins(model, np.ascontiguousarray(rows))
    differing = int(np.count_nonzero(margins.view(np.int64) != expected.view(np.int64)))
    if differing:
        raise ExportFailed(f"{differing} of {len(rows)} golden rows differ from the booster")


def _margins(model: Path, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    if model.suffix == ".forest":
        return np.array(forest_margins(model.read_bytes(), rows.astype("<f4").tobytes()))
    with LibraryModel(model) as library:
        return library.log_odds(rows)


def _write_c(booster: Booster, folder: Path) -> None:
    model = compilable(booster)
    # The two libraries announce on stdout and stderr that they are of different age and that they write one file.
    with _silenced():
        tl2cgen.generate_c_code(model, dirpath=folder, params={})


def _start_compiler(source: Path, target: Path) -> subprocess.Popen[str]:
    files = sorted(str(path) for path in source.glob("*.c"))
    command = [sys.executable, "-m", "ziglang", "cc", "-O1", "-shared", "-fPIC", "-o", str(target), *files, "-lm"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@contextmanager
def _silenced() -> "Iterator[None]":
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        for descriptor, original in zip((1, 2), kept, strict=True):
            os.dup2(original, descriptor)
            os.close(original)
        os.close(nowhere)
