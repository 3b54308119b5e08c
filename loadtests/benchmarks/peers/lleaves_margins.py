# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = ["lleaves==1.3.0", "lightgbm==4.7.0", "llvmlite<0.45"]
# ///
"""lleaves: a LightGBM model compiled by LLVM.

`lleaves_margins.py MODEL ROWS ACTIONS`: the model as its own text, rows as `.npy` in doubles, so many in one context.

Answers `{"ask": "margins" | "batch" | "single"}` by all margins, or by CPU microseconds per context.
"""

import json
import sys
import time
from importlib.metadata import version

import lleaves
import numpy as np

model_path, rows_path, actions = sys.argv[1], sys.argv[2], int(sys.argv[3])
rows = np.load(rows_path)
contexts = [rows[first : first + actions] for first in range(0, len(rows), actions)]
model = lleaves.Model(model_file=model_path)
model.compile(raw_score=True)


def cpu_micros(asked: str) -> float:
    """CPU time per context, all rows in one call or a call per context."""
    start = time.process_time_ns()
    for each in [rows] if asked == "batch" else contexts:
        model.predict(each, n_jobs=1)
    return (time.process_time_ns() - start) / 1_000 / len(contexts)


for line in sys.stdin:
    asked = json.loads(line)["ask"]
    if asked == "margins":
        answer = {"margins": model.predict(rows, n_jobs=1).tolist(), "version": version("lleaves")}
    else:
        answer = {"cpu_micros": cpu_micros(asked)}
    print(json.dumps(answer), flush=True)
