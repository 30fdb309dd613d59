"""How much memory a number of GiB is."""

from __future__ import annotations

import math

import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.resources import MEMORY, MEMORY_BYTES, bytes_of


def test_gibibytes():
    assert [bytes_of(memory) for memory in (1, 0.5, 3)] == [2**30, 2**29, 3 * 2**30]
    assert bytes_of(MEMORY) == MEMORY_BYTES
    assert bytes_of(2**20) == 2**50


@pytest.mark.parametrize("memory", [0, -1, math.nan, math.inf, 2**20 + 1])
def test_what_no_machine_has(memory):
    with pytest.raises(InputError, match="expected a number above 0 and at most 1,048,576"):
        bytes_of(memory)
