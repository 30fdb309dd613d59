"""What commands say on the way."""

import logging

import typer
from typer.testing import CliRunner

from basenji_kipoi.cli.console import Commands, counted


def test_a_warning_is_shown_once_a_command():
    logger = logging.getLogger("basenji_kipoi.genome.contig_names")
    said: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = said.append
    logging.root.addHandler(handler)
    program = typer.Typer(cls=Commands)

    @program.command()
    def read() -> None:
        for file in ("a", "b", "a", "a"):
            logger.warning("%s has contigs that the genome lacks", file)

    @program.command()
    def other() -> None:
        """Make a group of it."""

    try:
        for _ in range(2):
            assert CliRunner().invoke(program, ["read"]).exit_code == 0
    finally:
        logging.root.removeHandler(handler)
    assert [record.getMessage()[0] for record in said] == ["a", "b"] * 2


def test_one_of_a_thing_is_one():
    assert counted(1, "allele") == "1 allele"
    assert counted(1200, "allele") == "1,200 alleles"
    assert counted(0, "locus", "loci") == "0 loci"
