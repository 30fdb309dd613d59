"""What errors carry with them."""

from __future__ import annotations

import errno

import pytest

from basenji_kipoi.base.errors import InputError, full_disk_named, is_kept, keep


def test_what_is_kept_is_noted_with_the_error():
    error = OSError(errno.ENOSPC, "No space left on device")
    assert not is_kept(error)
    keep(error)
    assert is_kept(error)
    for each, expected in ((error, True), (OSError(errno.EDQUOT, "quota"), False)):
        with (
            pytest.raises(InputError, match=r"x\.h5 cannot be written: .*: make space") as caught,
            full_disk_named("x.h5"),
        ):
            raise each
        assert is_kept(caught.value) is expected


def test_other_errors_of_the_machine_keep_their_words():
    with pytest.raises(PermissionError), full_disk_named("x.h5"):
        raise PermissionError(errno.EACCES, "no")
    # NumPy tells how much it wrote, and not why that was not all.
    with (
        pytest.raises(InputError, match=r"x\.h5 cannot be written: no space left"),
        full_disk_named("x.h5"),
    ):
        raise OSError("1000 requested and 5 written")
