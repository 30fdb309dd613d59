"""Runs notebooks and keeps what they show: ``python execute.py NOTEBOOK…`` (make tutorials).

A notebook that names the environment variable BASENJI_DATA is skipped where that is not set.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import nbclient
import nbformat


def main() -> None:
    """Run the notebooks that the command names, each in its folder."""
    # Commands colour what they print, which pages do not show.
    os.environ["NO_COLOR"] = "1"
    for path in map(Path, sys.argv[1:]):
        text = path.read_text(encoding="utf-8")
        if "BASENJI_DATA" in text and not os.environ.get("BASENJI_DATA"):
            print(f"{path}: skipped, BASENJI_DATA is not set")
            continue
        notebook = nbformat.reads(text, as_version=4)
        started = time.monotonic()
        nbclient.NotebookClient(
            notebook,
            timeout=900,
            resources={"metadata": {"path": str(path.parent)}},
            record_timing=False,
            coalesce_streams=True,
        ).execute()
        for cell in notebook.cells:
            if cell.cell_type == "code":
                # What libraries say of the machine is no part of the page.
                cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
                cell.metadata.pop("execution", None)
        notebook.metadata.pop("language_info", None)
        nbformat.write(notebook, path)
        print(f"{path}: {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
