"""JSON files that a class describes."""

import os

import pytest
from pydantic import BaseModel

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json


class Point(BaseModel):
    x: int


def test_what_does_not_fit_is_named(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"x": 3}')
    assert read_json(Point, path) == Point(x=3)
    path.write_text('{"x": "three"}')
    with pytest.raises(InputError, match=r"x\.json: x: .*integer"):
        read_json(Point, path)
    with pytest.raises(InputError, match=r"y\.json is missing"):
        read_json(Point, tmp_path / "y.json")
    with pytest.raises(InputError, match="is a directory"):
        read_json(Point, tmp_path)


def test_a_pipe_without_a_writer_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.json")
    with pytest.raises(InputError, match=r"x\.json is a pipe"):
        read_json(Point, tmp_path / "x.json")
