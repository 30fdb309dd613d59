"""What the site is made of (a hook of MkDocs): the repository's pages where they are.

Every page keeps its path in the repository, so that a link is right there and in the site. Which
pages there are, and in which order, `docs/README.md` says. References of commands and of the public
face, and the gallery, are made from the sources.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from gallery import gallery
from mkdocs.structure.files import File
from notebooks import as_markdown
from reference import command_pages, python_pages

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[2]
INDEX = "docs/README.md"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the navigation."""
    config.nav = [{"Start": ["README.md", INDEX]}]
    config.nav += [
        {title: [page.replace(".ipynb", ".md") for page in pages]}
        for title, pages in listed().items()
    ]
    config.nav += [
        {"Gallery": ["gallery.md"]},
        {"Reference": [*({title: path} for path, (title, _) in command_pages().items()),
                       {"Python": list(python_pages())}]},
        {"Project": further()},
    ]  # fmt: skip
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the repository's pages, what they link to, and the pages that are made."""
    pages = [*_front(), *further()]
    texts = {}
    for page in pages:
        if page.endswith(".ipynb"):
            text, pictures = as_markdown(ROOT / page)
            texts[page] = text
            files.append(File.generated(config, page.replace(".ipynb", ".md"), content=text))
            for name, content in pictures.items():
                place = (Path(page).parent / name).as_posix()
                files.append(File.generated(config, place, content=content))
        else:
            texts[page] = (ROOT / page).read_text(encoding="utf-8")
            _take(files, page, config)
    linked = {target for page, text in texts.items() for target in _linked(page, text)}
    for path in sorted(linked - set(pages)):
        _take(files, path, config)
    for path, (_, content) in command_pages().items():
        files.append(File.generated(config, path, content=content))
    for path, content in python_pages().items():
        files.append(File.generated(config, path, content=content))
    files.append(File.generated(config, "gallery.md", content=gallery(texts)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Lead links to notebooks to the pages that are made of them."""
    return re.sub(r"(\]\((?!https?:)[^)\s#]+)\.ipynb", r"\1.md", markdown)


def listed() -> dict[str, list[str]]:
    """Return the pages that docs/README.md lists, by the line above each list."""
    parts: dict[str, list[str]] = {}
    title = ""
    for line in (ROOT / INDEX).read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"([A-Z][\w ]+):", line):
            title = match[1]
        elif match := re.match(r"- \[[^]]+\]\(([\w./-]+\.(?:md|ipynb))\)", line):
            parts.setdefault(title, []).append(f"docs/{match[1]}")
    return parts


def _front() -> list[str]:
    return ["README.md", INDEX, *(page for part in listed().values() for page in part)]


def further() -> list[str]:
    """Return the other pages of the repository that those lead to, and so on."""
    pages = _front()
    for page in pages:
        pages += [
            path
            for path in _linked(page, (ROOT / page).read_text(encoding="utf-8"))
            if path.endswith(".md") and path not in pages
        ]
    return pages[len(_front()) :]


def _take(files: Files, path: str, config: MkDocsConfig) -> None:
    files.append(File(path, str(ROOT), config.site_dir, config.use_directory_urls))


def _linked(page: str, text: str) -> list[str]:
    """Return the files of the repository that a page shows or links to, each once."""
    found = []
    for link in re.findall(r"\]\(([^)\s#]+)[^)]*\)", text):
        path = (ROOT / page).parent.joinpath(link).resolve()
        if "://" not in link and path.is_file():
            found.append(path.relative_to(ROOT).as_posix())
    return list(dict.fromkeys(found))
