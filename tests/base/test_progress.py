"""What long work says meanwhile."""

from __future__ import annotations

import re

import pytest

from basenji_kipoi.base import progress


@pytest.fixture
def said(monkeypatch, capsys):
    """Make progress with lines as often as it may; return them."""
    monkeypatch.setattr(progress, "_LOG_PERIOD", 0)

    def run(label, total, steps, **options):
        with progress.progress_bar(label, total=total, unit="alleles", **options) as advance:
            for step in steps:
                advance(*step)
        return capsys.readouterr().err.splitlines()

    return run


def test_a_log_has_lines_with_rate_and_time_left(said):
    lines = said("scoring", 3000, [(1000,), (1000, "still scoring")], done=500)
    numbers = r"[\d,.e+]+"
    assert len(lines) == 2
    assert re.fullmatch(
        rf"scoring: 1,500 of 3,000 alleles, {numbers}/s, \d:\d\d:\d\d left", lines[0]
    )
    assert lines[1].startswith("still scoring: 2,500 of 3,000 alleles, ")


def test_a_log_of_unknown_length_has_no_time_left(said):
    (line,) = said("reading", None, [(7,)])
    assert re.fullmatch(r"reading: 7 alleles, [\d,.e+]+/s", line)


def test_without_a_label_nothing_is_said(said):
    assert said("", 10, [(1,), (2,)]) == []


def test_quick_work_leaves_no_line_in_a_log(capsys):
    with progress.progress_bar("scoring", total=2, unit="alleles") as advance:
        advance(1)
        advance(1)
    assert capsys.readouterr().err == ""
