"""Keeps the style of the project where no other tool looks."""

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = {".py", ".rs", ".proto", ".pyi"}
TEXT = CODE | {".md", ".toml", ".sh", ".yaml", ".yml", ".liquid"}
LONGEST_FILE = 500
MEDIAN_FILE = 200
BANNED_STEMS = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "data", "info", "stuff"}
PYTHON_FOLDERS = ("cart_recovery", "pyserver", "dispatcher", "training", "audit", "loadtests", "proto")
# Written in two parts, so that this file does not hold what it forbids.
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:root|home/\w+|Users/\w+|work)" + r"/[\w.]")
REGISTRY_HOST = re.compile(
    r"(?:pypi|crates|npmjs|pythonhosted|proxy\.golang|deb\.debian|repo\d?\.maven)" + r"\.(?:org|io|com)"
)
NAMED_FILE = re.compile(r"`([\w./-]+\.(?:py|rs|proto|md|toml|pyi|sh|liquid))`")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return sorted(path for path in paths if path.is_file())


def generated(path: Path) -> bool:
    return "cart_recovery/v1/" in path.as_posix() or path.name in {"uv.lock", "Cargo.lock", "LICENSE"}


def code_files() -> list[Path]:
    return [path for path in tracked() if path.suffix in CODE and not generated(path)]


def text_files() -> list[Path]:
    return [
        path for path in tracked() if (path.suffix in TEXT or path.name in {"Makefile", "run"}) and not generated(path)
    ]


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_file_is_longer_than_500_lines() -> None:
    assert [name(path) for path in code_files() if lines(path) > LONGEST_FILE] == []


def test_the_median_file_is_at_most_200_lines() -> None:
    assert statistics.median(lines(path) for path in code_files()) <= MEDIAN_FILE


def test_file_and_folder_names_say_what_is_inside() -> None:
    banned = [
        name(path)
        for path in code_files()
        if BANNED_STEMS & {part.removesuffix(path.suffix) for part in path.relative_to(ROOT).parts}
    ]
    assert banned == []


@pytest.mark.parametrize(("meaning", "pattern"), [("machine path", MACHINE_PATH), ("registry host", REGISTRY_HOST)])
def test_no_file_names_a_machine_or_a_registry(meaning: str, pattern: re.Pattern[str]) -> None:
    found = [
        f"{name(path)}: {match.group()}"
        for path in text_files()
        for match in pattern.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == [], meaning


def test_documents_name_only_files_that_exist() -> None:
    missing = []
    names = {path.name for path in tracked()}
    for path in (one for one in tracked() if one.suffix == ".md"):
        for match in NAMED_FILE.finditer(path.read_text(encoding="utf-8")):
            said = match.group(1)
            if ("/" in said and not ((ROOT / said).exists() or (path.parent / said).exists())) or (
                "/" not in said and said not in names | {"cart-recovery.toml", "map.toml"}
            ):
                missing.append(f"{name(path)}: {said}")
    assert missing == []


def test_every_public_name_is_documented() -> None:
    undocumented = []
    for path in code_files():
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PYTHON_FOLDERS and path.name != "__init__.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            if not ast.get_docstring(tree):
                undocumented.append(name(path))
            undocumented += [f"{name(path)}: {label}" for label in undocumented_names(tree, "")]
    assert undocumented == []


def undocumented_names(scope: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for node in scope.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        overload = any(isinstance(one, ast.Name) and one.id in {"overload", "override"} for one in node.decorator_list)
        if not ast.get_docstring(node) and not overload:
            yield f"{prefix}{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from undocumented_names(node, f"{prefix}{node.name}.")
