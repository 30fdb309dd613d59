"""Make a store in processes that end without a word, each at another step, and are gone on with.

``python killed_everywhere.py TABLE FASTA FOLDER FIRST STRIDE`` writes ``FOLDER/whole/s.zarr``, and
``FOLDER/NUMBER/s.zarr`` for every STRIDE-th step from the FIRST on until there are no more. A
program of its own, because a process that is forked must not have used Zarr, which has threads.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from basenji_training.data.build import build_store
from basenji_training.data.settings import StoreSettings
from basenji_training.store import writing

BIN = 32
FOLDS = {"test": ["chr3"], "validation": ["chr2"], "exclude": ["chrM"]}


def _in_another_process(work):
    """Return the exit status of a process that works."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - nothing may return from here
        sys.stderr.write(f"{error!r}\n")
        os._exit(1)
    os._exit(0)


def _end_before(step):
    """End this process before a step, counted from 0, that changes the disk."""
    left = step

    def ending(function):
        def inner(*arguments, **options):
            nonlocal left
            if left == 0:
                os._exit(9)
            left -= 1
            return function(*arguments, **options)

        return inner

    for name in ("rename", "replace", "mkdir", "unlink", "rmdir"):
        setattr(os, name, ending(getattr(os, name)))
    Path.touch = ending(Path.touch)


def main(table, fasta, folder, first, stride):
    # Several pieces of a chromosome.
    writing._SHARD_BP, writing._CHUNK_BYTES = 2048, 32

    settings = StoreSettings(bin=BIN, **FOLDS)

    def make(out, **options):
        build_store(table, settings, fasta=fasta, out=out / "s.zarr", **options)

    (folder / "whole").mkdir()
    if _in_another_process(lambda: make(folder / "whole")):
        raise SystemExit("the unbroken call failed")
    step = int(first)
    while True:
        out = folder / str(step)
        out.mkdir()

        def ended(step=step, out=out):
            _end_before(step)
            make(out, resume=True)

        status = _in_another_process(ended)
        if status not in (0, 9):
            raise SystemExit(f"step {step} failed")
        # A store that was complete but for what was beside it is a stranger to the next call.
        was_placed = (out / "s.zarr").exists()
        if _in_another_process(lambda out=out: make(out, resume=True)) and not was_placed:
            raise SystemExit(f"what was ended at step {step} was not gone on with")
        if status == 0:
            return
        step += int(stride)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), *sys.argv[4:])
