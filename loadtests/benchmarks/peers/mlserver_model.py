# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = ["mlserver==1.7.1", "mlserver-lightgbm==1.7.1", "lightgbm==4.7.0"]
# ///
"""MLServer with one LightGBM model over the Open Inference Protocol (V2). `mlserver_model.py FOLDER ROWS PER_REQUEST`.

FOLDER holds MLServer's settings; ROWS is an `.npy` of f32. Writes the requests, all of one length, to FOLDER/requests,
says that length in one line, then serves until it is ended.
"""

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from mlserver.cli import main
from mlserver.grpc.dataplane_pb2 import ModelInferRequest

folder, rows, per_request = Path(sys.argv[1]), np.load(sys.argv[2]), int(sys.argv[3])
requests = []
for first in range(0, len(rows), per_request):
    part = rows[first : first + per_request]
    request = ModelInferRequest(model_name="effect", raw_input_contents=[part.tobytes()])
    request.inputs.add(name="rows", datatype="FP32", shape=part.shape)
    requests.append(request.SerializeToString())
(folder / "requests").write_bytes(b"".join(requests))
print(json.dumps({"request_bytes": len(requests[0]), "version": version("mlserver")}), flush=True)
# MLServer logs to stdout, which is the caller's.
os.dup2(2, 1)
sys.argv = ["mlserver", "start", str(folder)]
main()
