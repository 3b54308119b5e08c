"""Generates what is stated once and shown elsewhere: `docs/reasons.md` and `audit/reason_words.py` from the comments of
`reason.proto`, `docs/settings.md` from the settings model, and `docs/features.md` from the engine's feature table.

With `--check`, writes nothing and exits 1 where a committed file differs from its source.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor_pb2 import EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cart_recovery.settings import ENVIRONMENT_PREFIX, SETTINGS_FILE, Settings
from rust_features import feature_documentation

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = "cart_recovery/v1/reason.proto"
# Field numbers that lead from the file to the values of its first enum.
ENUM_PATH = (FileDescriptorProto.ENUM_TYPE_FIELD_NUMBER, 0, EnumDescriptorProto.VALUE_FIELD_NUMBER)
FIRST_REJECTION = 100


@dataclass(frozen=True)
class Row:
    """One reason: its name and number, the sentence a person reads, and the remedy where there is one."""

    name: str
    number: int
    words: str
    remedy: str


def rows() -> list[Row]:
    """The table as the contract states it; raises RuntimeError where a value has no comment."""
    with tempfile.TemporaryDirectory() as temporary:
        target = Path(temporary) / "reason.pb"
        arguments = ["protoc", f"--proto_path={ROOT / 'proto'}", "--include_source_info"]
        if protoc.main([*arguments, f"--descriptor_set_out={target}", CONTRACT]) != 0:
            raise RuntimeError("protoc refused the contract; its message stands above")
        (file,) = FileDescriptorSet.FromString(target.read_bytes()).file
    comments = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
    table = []
    for index, value in enumerate(file.enum_type[0].value):
        if value.number == 0:
            continue
        comment = " ".join(comments.get((*ENUM_PATH, index), "").split())
        if not comment:
            raise RuntimeError(f"{value.name} has no comment")
        words, _, remedy = comment.removesuffix(".").partition("; ")
        table.append(Row(value.name, value.number, words, remedy))
    return table


def page(table: list[Row]) -> str:
    """The documentation page."""
    return "\n".join(
        [
            "# Reasons",
            "",
            "One table for refused requests, rejected candidates and skipped touches. Codes are never reworded and",
            "numbers are never reused. Generated from `proto/cart_recovery/v1/reason.proto` by `docs/generate.py`.",
            "",
            "## A request is refused",
            "",
            *_section([row for row in table if row.number < FIRST_REJECTION], "Remedy"),
            "",
            "## A candidate is rejected, or a touch is skipped",
            "",
            *_section([row for row in table if row.number >= FIRST_REJECTION], "What follows"),
            "",
        ]
    )


def _section(table: list[Row], last_column: str) -> list[str]:
    head = [f"| Code | Number | Meaning | {last_column} |", "| --- | --- | --- | --- |"]
    return head + [f"| `{row.name}` | {row.number} | {row.words}. | {_sentence(row.remedy)} |" for row in table]


def _sentence(remedy: str) -> str:
    return f"{remedy[0].upper()}{remedy[1:]}." if remedy else ""


def module(table: list[Row]) -> str:
    """The Python table."""
    return "\n".join(
        [
            '"""The words of every reason. Generated from reason.proto by docs/generate.py; do not edit."""',
            "",
            "REASON_WORDS: dict[int, str] = {",
            *[f'    {row.number}: "{row.words}",' for row in table],
            "}",
            '"""The sentence a person reads, by number of `cart_recovery.v1.Reason`."""',
            "",
        ]
    )


def settings_page() -> str:
    """The documentation page of the settings."""
    return "\n".join(
        [
            "# Settings",
            "",
            f"In `{SETTINGS_FILE}` of the working directory or the file that `--settings` names; the environment comes",
            "before the file, options before both. Generated from `cart_recovery/settings.py` by `docs/generate.py`.",
            "",
            "| Setting | Environment | Default | Expected |",
            "| --- | --- | --- | --- |",
            *_settings(Settings, ()),
            "",
        ]
    )


def _settings(model: type[BaseModel], section: tuple[str, ...]) -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        path = (*section, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += _settings(field.annotation, path)
        else:
            environment = ENVIRONMENT_PREFIX + "__".join(path).upper()
            found.append(f"| `{'.'.join(path)}` | `{environment}` | {_default(field)} | {field.description} |")
    return found


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "–"
    if isinstance(value, Path):
        value = value.relative_to(ROOT) if value.is_relative_to(ROOT) else value
    return f"`{value}`"


def main() -> int:
    """Runs the command and returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    table = rows()
    fresh = {
        ROOT / "docs" / "reasons.md": page(table),
        ROOT / "docs" / "settings.md": settings_page(),
        ROOT / "docs" / "features.md": feature_documentation(),
        ROOT / "audit" / "reason_words.py": module(table),
    }
    stale = [path for path, text in fresh.items() if not path.exists() or path.read_text() != text]
    if check:
        for path in stale:
            sys.stderr.write(f"stale: {path.relative_to(ROOT)} (run docs/generate.py)\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(fresh[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
