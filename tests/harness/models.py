"""Small tree models whose answers a test can foresee, compiled into libraries with the interface of tl2cgen."""

import math
import random
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

_INTERFACE = """\
#include <stdint.h>
union Entry {{ int missing; double fvalue; int qvalue; }};
int32_t get_num_target(void) {{ return 1; }}
void get_num_class(int32_t* out) {{ out[0] = 1; }}
int32_t get_num_feature(void) {{ return {features}; }}
const char* get_threshold_type(void) {{ return "float64"; }}
const char* get_leaf_output_type(void) {{ return "float64"; }}
void postprocess(double* result) {{ (void) result; }}
void predict(union Entry* data, int pred_margin, double* result) {{
  (void) pred_margin;
{trees}
}}
"""

_TREE = """\
  result[0] += data[{index}].missing == -1 ? {missing} : data[{index}].fvalue <= {threshold} ? {low} : {high};"""


@dataclass(frozen=True)
class Stump:
    """A tree with one split: `low` up to the threshold, `high` above it, `missing` where the value is NaN."""

    index: int
    threshold: float
    low: float
    high: float
    missing: float

    def leaf(self, value: float) -> float:
        """What the tree adds."""
        if math.isnan(value):
            return self.missing
        return self.low if value <= self.threshold else self.high


@dataclass(frozen=True)
class StumpModel:
    """The sum of its stumps."""

    features: int
    stumps: tuple[Stump, ...]

    def margin(self, row: list[float]) -> float:
        """The answer for one row, in the order of additions that the library has."""
        total = 0.0
        for stump in self.stumps:
            total += stump.leaf(row[stump.index])
        return total

    def compiled(self) -> bytes:
        """The shared library."""
        trees = "\n".join(
            _TREE.format(
                index=stump.index,
                threshold=stump.threshold.hex(),
                low=stump.low.hex(),
                high=stump.high.hex(),
                missing=stump.missing.hex(),
            )
            for stump in self.stumps
        )
        return _compile(_INTERFACE.format(features=self.features, trees=trees))


def random_stumps(generator: random.Random, features: int, *, weight: float) -> tuple[Stump, ...]:
    """One stump per feature, each adding at most `weight` to either side."""
    draw = generator.uniform
    return tuple(
        Stump(index, single(draw(-1, 30)), draw(-weight, weight), draw(-weight, weight), draw(-weight, weight))
        for index in range(features)
    )


def single(value: float) -> float:
    """The value as single precision keeps it: features are f32."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def _compile(source: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        code, library = Path(folder) / "model.c", Path(folder) / "model.so"
        code.write_text(source)
        command = [sys.executable, "-m", "ziglang", "cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(code)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return library.read_bytes()
