"""Letters need a library that not every environment has: said in a line."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from basenji_kipoi.base.errors import MissingLibraryError
from basenji_kipoi.cli.app import app
from basenji_kipoi.figures.letters import draw_letters


@pytest.fixture(autouse=True)
def without_logomaker(monkeypatch):
    monkeypatch.setitem(sys.modules, "logomaker", None)


def test_letters_name_what_they_lack():
    with pytest.raises(MissingLibraryError, match="drawing letters needs logomaker"):
        draw_letters(None, None, None, 0)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["plot", "variant", "--variant", "chr1:101:{}:{}", "--out", "x.png"], "plot variant"),
        (["locus", "--variants", "l.tsv", "--out", "x.html"], "or pass --explain 0"),
    ],
)
def test_commands_say_so_in_a_line(tmp_path, monkeypatch, small_bundle, command, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g.fa").write_text(f">chr1\n{'ACGT' * 2000}\n")
    (tmp_path / "l.tsv").write_text("chrom\tpos\tref\talt\nchr1\t101\tA\tC\n")
    words = [word.format("A", "C") for word in command]
    given = [*words, "--model", str(small_bundle.path), "--fasta", "g.fa"]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 2, done.output
    *_, line = done.output.splitlines()
    assert line.startswith("error: ")
    assert "needs logomaker, which is not installed" in line
    assert said in line
    assert not list(tmp_path.glob("x.*"))
