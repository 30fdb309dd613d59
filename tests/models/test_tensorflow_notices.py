"""TensorFlow's notices are left out of standard error, and nothing else is.

A package of its name stands in for it, which writes what is to be hidden and what is not; the real
one is imported by `training/tests/test_fit.py`.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from basenji_kipoi.models.tensorflow_notices import without_notices

REPOSITORY = Path(__file__).resolve().parents[2]

NOTICES = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1795744064.045253   13982 port.cc:153] oneDNN custom operations are on.\n"
    "To enable the following instructions: AVX2, rebuild TensorFlow.\n"
)

NO_DRIVER = (
    "E0000 00:00:1796009233.130238   11725 cuda_platform.cc:52] failed call to cuInit: INTERNAL: "
    "CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)\n"
)
DATED_NO_DRIVER = NO_DRIVER.replace(
    "E0000 00:00:1796009233.130238   11725 ",
    "2026-11-30 03:25:56.698285: E external/local_xla/xla/stream_executor/cuda/",
)

PROGRAM = """
import sys
from basenji_kipoi.models.tensorflow_notices import without_notices
try:
    with without_notices():
        sys.stderr.write("before\\n")
        import tensorflow
        sys.stderr.write("after\\n")
except ImportError as error:
    sys.stderr.write(f"failed: {error}\\n")
"""


@pytest.fixture
def importing(tmp_path):
    """Return a function that prepares to import a package of some text under TensorFlow's name."""

    def prepare(text, program=PROGRAM, level="3"):
        (tmp_path / "tensorflow").mkdir()
        (tmp_path / "tensorflow" / "__init__.py").write_text(
            "import contextlib, os, sys, time\n"
            f"with contextlib.suppress(OSError): os.write(2, {NOTICES!r}.encode())\n{text}\n"
        )
        path = f"{tmp_path}{os.pathsep}{REPOSITORY}"
        environment = {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": level}
        return {"args": [sys.executable, "-c", program], "env": environment}

    return prepare


def said(command, **options) -> str:
    return subprocess.run(**command, capture_output=True, timeout=60, **options).stderr.decode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("os.write(2, b'E0000 a real error\\n'); print('and more', file=sys.stderr)",
         "E0000 a real error\nand more\n"),
        # Beginnings of notices that do not become any, notices in the middle of a line, no line.
        (r"os.write(2, b'I00\n'); os.write(2, b'I'); os.write(2, b'mage, '); "
         r"os.write(2, b'I0000 \nW\n')",
         "I00\nImage, I0000 \nW\n"),
        ("os.write(2, b'x' * 1_000_000 + b'\\n')", "x" * 1_000_000 + "\n"),
        ("os.write(2, b'I00')", "I00"),
        # Logged as an error, this says no more than that a machine has no GPU; others say more.
        (f"os.write(2, {NO_DRIVER!r}.encode())", ""),
        (f"os.write(2, {DATED_NO_DRIVER!r}.encode())", ""),
        (f"os.write(2, {NO_DRIVER.replace('303', '999')!r}.encode())",
         NO_DRIVER.replace("303", "999")),
    ],
)  # fmt: skip
def test_only_notices_are_left_out(importing, text, shown):
    assert said(importing(text)) == f"before\n{shown}after\n"


def test_who_asks_for_notices_sees_them(importing):
    assert said(importing("", level="0")) == f"before\n{NOTICES}after\n"


def test_an_import_that_fails_says_why(importing):
    shown = said(importing("os.write(2, b'no library\\n'); raise ImportError('broken')"))
    assert shown == "before\nno library\nfailed: broken\n"


def test_the_last_words_of_an_import_that_aborts_are_shown(importing):
    command = importing("os.write(2, b'F0000 illegal instruction'); os.abort()")
    done = subprocess.run(**command, capture_output=True, timeout=60, check=False)
    assert done.stderr.decode() == "before\nF0000 illegal instruction"
    assert done.returncode < 0


def test_text_is_not_held_back(importing):
    """It arrives while the import goes on, without its line's end at a terminal too."""
    master, terminal = pty.openpty()
    command = importing("os.write(2, b'50%'); time.sleep(60)")
    with subprocess.Popen(**command, stderr=terminal) as process:
        began, text = time.monotonic(), b""
        while not text.endswith(b"50%"):
            text += os.read(master, 1000)
        assert time.monotonic() - began < 30
        process.kill()
    os.close(terminal)
    os.close(master)
    assert text == b"before\r\n50%"


def test_to_a_file(importing, tmp_path):
    with (tmp_path / "log").open("w") as log:
        subprocess.run(**importing("os.write(2, b'kept\\n')"), stderr=log, timeout=60, check=True)
    assert (tmp_path / "log").read_text() == "before\nkept\nafter\n"


def test_without_standard_error(importing):
    command = importing("", PROGRAM.replace("sys.stderr.write", "(lambda text: None)"))
    command["args"] = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command["args"]]
    assert subprocess.run(**command, timeout=60, check=False).returncode == 0


def test_a_process_that_lives_on_delays_nothing_for_ever(importing):
    program = (
        "import basenji_kipoi.models.tensorflow_notices as notices\nnotices._PATIENCE = 0.1\n"
        + PROGRAM
    )
    command = importing(
        "import subprocess; p = subprocess.Popen(['sh', '-c', 'sleep 3; echo late >&2'])",
        program + "import tensorflow; sys.stderr.write(f'{tensorflow.p.poll()}\\n')",
    )
    assert said(command) == "before\nafter\nNone\nlate\n"


def test_nothing_stays_behind():
    """A program that runs a command of ours imports as before once that has ended."""
    before = list(sys.meta_path)
    with without_notices():
        assert sys.meta_path[1:] == before
    assert sys.meta_path == before


OWN_PROGRAM = """
import logging, os, sys
import basenji_kipoi as bk
assert "tensorflow" not in sys.modules
from basenji_kipoi.base.sharing.processes import Device
Device((0,), gpu=0).check()
sys.stderr.write(f"after {os.environ.get('TF_CPP_MIN_LOG_LEVEL')}\\n")
"""
#: What a package of TensorFlow's name has, which says at what level it was imported.
GPU = """
os.write(2, f"level {os.environ.get('TF_CPP_MIN_LOG_LEVEL')}\\n".encode())
os.write(2, b"E0000 a real error\\n")
class config:
    @staticmethod
    def list_physical_devices(kind=None):
        os.write(2, %r.encode())
        return [1]
"""


@pytest.mark.parametrize(("given", "during"), [(None, "1"), ("2", "2"), ("0", "0")])
def test_this_package_imports_it_quietly(importing, given, during):
    command = importing(GPU % NO_DRIVER, OWN_PROGRAM, level="")
    command["env"].pop("TF_CPP_MIN_LOG_LEVEL")
    if given is not None:
        command["env"]["TF_CPP_MIN_LOG_LEVEL"] = given
    rest = f"level {during}\nE0000 a real error\n"
    hears_all = given == "0"
    # Twice otherwise: once where it would have been said later.
    expected = f"{NOTICES}{rest}{NO_DRIVER}" if hears_all else f"{rest}{NO_DRIVER}"
    assert said(command) == f"{expected}after {given}\n"


def test_what_a_user_imports_is_the_users_own(importing):
    program = OWN_PROGRAM.replace("from basenji", "import tensorflow\nfrom basenji")
    command = importing(GPU % "", program, level="1")
    assert said(command) == f"{NOTICES}level 1\nE0000 a real error\nafter 1\n"


def test_the_shipped_model_is_used_in_silence():
    program = "import basenji_kipoi as bk; bk.load('yeast').members[0].network()"
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    command = {"args": [sys.executable, "-c", program], "env": environment, "cwd": REPOSITORY}
    assert said(command) == ""
