"""Notebooks as pages: cells and the outputs that were stored with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbconvert

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["as_markdown"]


def as_markdown(notebook: Path) -> tuple[str, dict[str, bytes]]:
    """Return a notebook as Markdown, and its pictures by the name that the text has for them."""
    exporter = nbconvert.MarkdownExporter()
    resources = {"output_files_dir": "", "unique_key": notebook.stem}
    text, resources = exporter.from_filename(str(notebook), resources=resources)
    # What nbconvert calls the pictures says nothing.
    return text.replace("![png](", "![Drawn in the notebook]("), resources["outputs"]
