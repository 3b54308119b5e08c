"""Everything that ships with the project may be used under terms that fit the Apache licence."""

import json
import re
import subprocess
from importlib.metadata import Distribution, distribution, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0",
    "CC0-1.0", "ISC", "MIT", "MIT-0", "PSF-2.0", "Python-2.0", "Unicode-3.0", "Unlicense", "ZPL-2.1", "Zlib",
}  # fmt: skip
# Python packages that name their licence in their own words.
WORDS = re.compile(r"\b(apache|bsd|mit|isc|mpl|psf|python software foundation|unlicense|zpl)\b", re.IGNORECASE)

# The package's metadata is silent; its repository says so.
SILENT = {"mrml": "MIT"}


def allowed(expression: str) -> bool:
    """Whether one way to read an SPDX expression is allowed altogether."""
    text = expression.replace("/", " OR ").replace("(", " ( ").replace(")", " ) ")
    tokens = re.sub(r"\s+WITH\s+", "~", text).split()
    python = " ".join(
        {"AND": "and", "OR": "or", "(": "(", ")": ")"}.get(token, str(token.replace("~", " WITH ") in ALLOWED))
        for token in tokens
    )
    return bool(eval(python, {"__builtins__": {}}))  # noqa: S307 (True, False, and, or and brackets only)


def test_licences_of_all_crates_are_allowed() -> None:
    manifest = ROOT / "rust_features" / "Cargo.toml"
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--manifest-path", str(manifest)]
    packages = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["packages"]
    refused = [f"{one['name']}: {one['license']}" for one in packages if not allowed(one["license"] or "none")]
    assert refused == []


def test_all_crates_come_from_the_registry_or_the_workspace() -> None:
    lock = (ROOT / "rust_features" / "Cargo.lock").read_text()
    assert "git+" not in lock


def test_licences_of_all_runtime_packages_are_allowed() -> None:
    refused = {found.name: licence(found) for found in runtime_distributions() if not WORDS.search(licence(found))}
    assert refused == {}


def licence(found: Distribution) -> str:
    metadata = found.metadata
    classifiers = [one for one in metadata.get_all("Classifier") or [] if one.startswith("License ::")]
    said = metadata.get("License-Expression") or " ".join(classifiers) or (metadata.get("License") or "")[:200]
    return str(said) or SILENT.get(found.name, "")


def runtime_distributions() -> list[Distribution]:
    """The installed packages that the project and its extras need, and what those need."""
    waiting, seen, found = ["cart-recovery"], set[str](), list[Distribution]()
    while waiting:
        package = waiting.pop()
        if package in seen:
            continue
        seen.add(package)
        try:
            one = distribution(package)
        except ModuleNotFoundError:
            continue
        if package != "cart-recovery":
            found.append(one)
        extras = ["", "training", "inbox", "loadtest"] if package == "cart-recovery" else [""]
        for text in requires(package) or []:
            requirement = Requirement(text)
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(requirement.name)
    return found


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [("MIT", True), ("GPL-3.0 OR MIT", True), ("GPL-3.0 AND MIT", False), ("(MIT OR GPL-3.0) AND Unicode-3.0", True)],
)
def test_expressions_are_read_as_written(expression: str, verdict: bool) -> None:
    assert allowed(expression) is verdict
