"""The pages: links lead somewhere, and files, modules and names that they name exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("docs", "model_files", "tests", "training")
PAGES = sorted([*ROOT.glob("*.md"), *(p for f in FOLDERS for p in (ROOT / f).rglob("*.md"))])
#: Its entries name what has gone since.
CHANGELOG = ROOT / "CHANGELOG.md"
PACKAGES = {"basenji_kipoi": ROOT, "basenji_training": ROOT / "training"}
#: What a path of the repository begins with, where a page names one.
TOP = "basenji_kipoi|basenji_training|benchmarks|docs|examples|kipoi_models"
TOP += "|model_files|tests|training|workflows"


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def broken_links(page: Path, text: str) -> list[str]:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:|mailto:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(link)
    return broken


def missing_names(text: str) -> list[str]:
    """What a text names that does not exist: a path, or something of a module."""
    missing = []
    for path in re.findall(rf"(?<![\w./-])(?:{TOP})/[\w./-]*[\w/]", text):
        places = [ROOT / path, ROOT / "training" / path]
        if not any(place.exists() for place in places) and not in_the_group(path):
            missing.append(path)
    for dotted in re.findall(r"(?<![\w.])(?:basenji_kipoi|basenji_training)(?:\.\w+)+", text):
        package, *parts = dotted.split(".")
        if not names(PACKAGES[package] / package, parts):
            missing.append(dotted)
    return missing


def in_the_group(path: str) -> bool:
    """Whether a path is the name of a published model, or of a file that it downloads."""
    folder, _, name = path.partition("/published/")
    table = (ROOT / "kipoi_models/published/models.tsv").read_text()
    models = {line.split("\t")[0] for line in table.splitlines()}
    name = re.sub(r"^downloaded/(\w+).*", r"\1", name)
    return folder == "kipoi_models" and name in models


def names(folder: Path, parts: list[str]) -> bool:
    """Whether a dotted name leads to a module, to something at the top of one, or of a face."""
    first, *rest = parts
    if (folder / first).is_dir():
        face = folder / first / "__init__.py"
        inner = not rest or names(folder / first, rest)
        return inner or (len(rest) == 1 and rest[0] in defined_in(face))
    module = folder / f"{first}.py"
    return module.is_file() and (not rest or rest[0] in defined_in(module))


def defined_in(module: Path) -> set[str]:
    """Names at the top of a module; of a face, those that it offers."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.ImportFrom) and module.name == "__init__.py":
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    assert broken_links(page, page.read_text()) == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != CHANGELOG], ids=name)
def test_what_a_page_names_exists(page):
    assert missing_names(page.read_text()) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_has_its_line_in_where_does_it_go(package):
    _, text = (ROOT / "CONTRIBUTING.md").read_text().split(f"| room of `{package}` |")
    named = re.findall(r"^\| `(\w+)/`", text.split("\n\n")[0], re.MULTILINE)
    rooms = {face.parent.name for face in (PACKAGES[package] / package).glob("*/__init__.py")}
    assert rooms <= set(named)


def test_what_is_planted_is_found():
    page = ROOT / "README.md"
    links = "[a](docs/nowhere.md) [b](#nothing) [c](#licence) [d](https://x.org) [e](docs/)"
    assert broken_links(page, links) == ["docs/nowhere.md", "#nothing"]
    text = (
        "basenji_kipoi/nowhere.py, basenji_training/store/store.py, basenji_kipoi.models.nowhere, "
    )
    text += "basenji_kipoi.models.bundle.Bundle, basenji_kipoi.models.bundle.Nobody"
    assert missing_names(text) == [
        "basenji_kipoi/nowhere.py",
        "basenji_kipoi.models.nowhere",
        "basenji_kipoi.models.bundle.Nobody",
    ]
