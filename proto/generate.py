"""Generates the Python contracts and their type stubs from `proto/` into `cart_recovery/v1`.

With `--check`, writes nothing and exits 1 where the committed files differ from what `proto/` says.
"""

import argparse
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "cart_recovery" / "v1"


def generate(folder: Path) -> None:
    """Writes the generated modules below `folder`; raises RuntimeError where protoc refuses."""
    protos = sorted(str(path) for path in (ROOT / "proto").rglob("*.proto"))
    arguments = [
        "protoc",
        f"--proto_path={ROOT / 'proto'}",
        f"--proto_path={files('grpc_tools') / '_proto'}",
        f"--python_out={folder}",
        f"--grpc_python_out={folder}",
        f"--plugin=protoc-gen-mypy={Path(sys.executable).parent / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).parent / 'protoc-gen-mypy_grpc'}",
        f"--mypy_out=quiet:{folder}",
        f"--mypy_grpc_out=quiet:{folder}",
        *protos,
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError("protoc refused the contracts; its message stands above")


def main() -> int:
    """Runs the command and returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as temporary:
        generate(Path(temporary))
        fresh = {path.name: path.read_bytes() for path in Path(temporary).glob("cart_recovery/v1/*.py*")}
    # Files without a service need no grpc module.
    serviceless = {name for name, text in fresh.items() if name.endswith("_grpc.py") and b"class " not in text}
    fresh = {name: text for name, text in fresh.items() if name.removesuffix("i") not in serviceless}
    fresh["__init__.py"] = b""
    committed = {path.name: path.read_bytes() for path in TARGET.glob("*.py*")}
    if check:
        stale = sorted(name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name))
        if stale:
            print("generated contracts are stale:", ", ".join(stale), "(run proto/generate.py)")
        return 1 if stale else 0
    for name in committed.keys() - fresh.keys():
        (TARGET / name).unlink()
    for name, text in fresh.items():
        (TARGET / name).write_bytes(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
