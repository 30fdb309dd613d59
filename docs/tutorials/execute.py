"""Runs notebooks and keeps what they show: ``python execute.py NOTEBOOK…`` (make tutorials).

With ``--check`` they are run and nothing is kept. A notebook that names the environment variable
BASENJI_DATA is skipped where that is not set.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from pathlib import Path

import nbclient
import nbformat

#: Jupyter tells commands that they write to a terminal, and bold letters come without colour, too.
STYLES = re.compile(r"\x1b\[[0-9;]*m")


def main() -> None:
    """Run the notebooks that the command names, each in its folder."""
    parser = argparse.ArgumentParser(description="Run notebooks and keep what they show.")
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true", help="leave the files as they are")
    given = parser.parse_args()
    # Commands colour what they print, which pages do not show.
    os.environ["NO_COLOR"] = "1"
    began = time.monotonic()
    for path in given.notebooks:
        text = path.read_text(encoding="utf-8")
        if "BASENJI_DATA" in text and not os.environ.get("BASENJI_DATA"):
            print(f"{path}: skipped, BASENJI_DATA is not set")
            continue
        started = time.monotonic()
        notebook = executed(nbformat.reads(text, as_version=4), path.parent)
        if not given.check:
            nbformat.write(notebook, path)
        print(f"{path}: {time.monotonic() - started:.0f} s", flush=True)
    if len(given.notebooks) > 1:
        print(f"{len(given.notebooks)} notebooks: {time.monotonic() - began:.0f} s")


def executed(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """Run a notebook's cells in a folder, and leave out what is no part of the page."""
    nbclient.NotebookClient(
        notebook,
        timeout=900,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
    ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            # What libraries say of the machine.
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
            for each in cell.outputs:
                if "text" in each:
                    each.text = STYLES.sub("", each.text)
            cell.metadata.pop("execution", None)
    notebook.metadata.pop("language_info", None)
    return notebook


if __name__ == "__main__":
    main()
