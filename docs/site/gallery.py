"""The gallery: every picture of the pages, with its words and its page."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["gallery"]


def gallery(pages: Mapping[str, str]) -> str:
    """Make the page of pictures.

    Parameters
    ----------
    pages
        Path in the repository -> Markdown. A picture that several pages have is shown once.
    """
    cards: dict[str, str] = {}
    for page, text in pages.items():
        heading = re.search(r"^# (.+)$", text, re.MULTILINE)
        title = heading[1] if heading else page
        for words, link in re.findall(r"!\[([^]]*)\]\(([^)\s]+)\)", text):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
            target = page.replace(".ipynb", ".md")
            card = f"-   [![{words}]({path})]({target})\n\n    {words} · [{title}]({target})\n"
            cards.setdefault(path, card)
    listed = "\n".join(cards.values())
    return f'# Gallery\n\n<div class="gallery" markdown>\n\n{listed}\n</div>\n'
