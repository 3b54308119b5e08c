"""The documents name only what exists, and generated pages are in step with their sources."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cart_recovery.v1.reason_pb2 import Reason

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
)
FOLDERS = (
    "audit",
    "cart_recovery",
    "dispatcher",
    "docs",
    "loadtests",
    "proto",
    "pyserver",
    "rust_features",
    "tests",
    "training",
)
PATH = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[\w-]+)?\)")
COMMAND = re.compile(r"cart-recovery ([a-z]+)")
REASON = re.compile(r"\bREASON_[A-Z_]+\b")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@each_document
def test_every_path_exists(document: Path) -> None:
    missing = [path for path in PATH.findall(document.read_text()) if not (ROOT / path).exists()]
    assert missing == []


@each_document
def test_every_link_leads_somewhere(document: Path) -> None:
    dead = [link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert dead == []


@each_document
def test_every_command_exists(document: Path) -> None:
    named = set(COMMAND.findall(document.read_text()))
    assert {name for name in named if not (ROOT / f"cart_recovery/commands/{name}.py").exists()} == set()


@each_document
def test_every_reason_is_in_the_table(document: Path) -> None:
    assert set(REASON.findall(document.read_text())) <= set(Reason.keys())


def test_every_decision_record_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    listed = set(LINK.findall((folder / "README.md").read_text()))
    assert {path.name for path in folder.glob("0*.md")} == listed


def test_generated_pages_are_in_step() -> None:
    command = [sys.executable, str(ROOT / "docs/generate.py"), "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
