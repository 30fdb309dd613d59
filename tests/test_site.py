"""The site of the documentation: it is built without a warning, and fetches nothing from afar."""

from __future__ import annotations

import os
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv-docs/bin/python"


class Fetched(HTMLParser):
    """What a browser fetches to show a page; where links lead is nothing of it."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.found += [
            attributes[name] for name in ("src", "srcset", "poster", "data") if attributes.get(name)
        ]
        if tag == "link" and attributes.get("rel") not in ("prev", "next", "canonical"):
            self.found.append(attributes["href"])
        self.found += re.findall(r"url\(([^)]+)\)", attributes.get("style") or "")


def remote(addresses):
    return [each for each in addresses if re.match(r"['\"]?\s*(\w+:)?//", each)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if not PYTHON.exists():
        pytest.skip("the environment of the site is not there (make docs)")
    folder = tmp_path_factory.mktemp("site")
    command = [PYTHON, "-m", "mkdocs", "build", "--strict", "--config-file", "docs/site/mkdocs.yml"]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    ran = subprocess.run(
        [*command, "--site-dir", folder],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return folder


def test_what_is_fetched_is_found():
    page = '<link rel="stylesheet" href="//x.org/a.css"><script src="https://x.org/a.js"></script>'
    page += '<a href="https://x.org"></a><img src="a.png"><p style="background: url(http://x.org)">'
    found = ["//x.org/a.css", "https://x.org/a.js", "http://x.org"]
    assert remote(Fetched(page).found) == found


@pytest.mark.slow
def test_no_page_fetches_anything_from_afar(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        fetched = Fetched(page.read_text(encoding="utf-8")).found
        assert len(fetched) > 3
        assert remote(fetched) == [], page
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert remote(re.findall(r"(?:url\(|@import )([^);]+)", text)) == [], sheet


@pytest.mark.slow
def test_every_page_of_the_documentation_is_in_the_site(site):
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "CHANGELOG.md"]
    for page in pages:
        inside = page.relative_to(ROOT).as_posix().replace("README.md", "index.md")
        assert (site / inside).with_suffix(".html").exists(), page


@pytest.mark.slow
def test_the_references_have_every_command_and_name(site):
    import basenji_kipoi as bk
    from basenji_kipoi.cli.app import app

    commands = (site / "reference/basenji.html").read_text(encoding="utf-8")
    for command in app.registered_commands:
        name = command.name or command.callback.__name__.replace("_", "-")
        assert f'<h2 id="{name}">basenji {name}' in commands
    for page in (site / "reference").glob("basenji*.html"):
        # Of bounds such as 0<=x<=1 and names such as model_best.h5, as they are meant.
        cells = re.findall(r"<td>.*?</td>", page.read_text(encoding="utf-8"), re.DOTALL)
        assert len(cells) > 100
        assert [cell for cell in cells if "\\" in cell] == []
        assert any("&lt;=x&lt;=" in cell for cell in cells)
    face = (site / "reference/python/basenji_kipoi.html").read_text(encoding="utf-8")
    for name in set(bk.__all__) - {"__version__"}:
        assert re.search(rf'id="basenji_kipoi\.{name}"', face), name
