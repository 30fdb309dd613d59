"""What a reporter would measure of sequences, from files and in memory."""

from __future__ import annotations

import gzip
import subprocess
import sys

import numpy as np
import pytest

import basenji_kipoi as bk
from basenji_kipoi.activities.run import activity_file
from basenji_kipoi.base.sequence import encode, one_hot
from basenji_kipoi.models.bundle import save_bundle
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.assays import Assay, PredictedActivity
from basenji_kipoi.models.networks.building import build_networks
from basenji_kipoi.models.networks.random_weights import randomised
from basenji_kipoi.models.targets import Target, Targets
from basenji_kipoi.models.training_record import TrainingRecord

TRUNK = [
    {"op": "convolution", "filters": 6, "kernel": 5},
    {"op": "pooling", "size": 8},
    {"op": "activation", "function": "relu"},
]
ASSAY = Assay(
    left="ACGTTGCA" * 3,
    right="GGATCC" * 4,
    shortest=6,
    longest=20,
    activities=[
        PredictedActivity(identifier="rich", mean=9.0, deviation=4.0),
        PredictedActivity(identifier="poor", mean=-1.0, deviation=0.5),
    ],
)
SEQUENCES = ["ACGTACGTAC", "TTTTTTTTTTTTTTTTTTTT", "acgtnn"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    reporter = {"activities": 2, "window": 64, "readings": [{"after": 2}, {"after": 3}]}
    described = Architecture.model_validate(
        {
            "window": 64,
            "trunk": TRUNK,
            "heads": {"t": {"tracks": 1}},
            "reporters": {"library": reporter},
        }
    )
    networks = [randomised(build_networks(described).whole, seed) for seed in (1, 2)]
    path = tmp_path_factory.mktemp("model") / "model"
    save_bundle(
        path,
        network=networks,
        architecture=described,
        targets=Targets([Target(index=0, identifier="x", strand_pair=0)]),
        name="with-reporter",
        assembly="none",
        training=TrainingRecord(),
        evaluation={},
        model_card="",
        assays={"library": ASSAY},
    )
    return path


def by_hand(folder, sequence):
    """Predict one sequence: each network at each of the four places of a pooled position."""
    model = bk.load(folder)
    total, number = 0, 0
    for member in model.bundles[0].members:
        network = member.networks()[0].reporters["library"]
        for move in (-4, -2, 0, 2):
            start = (64 - 20) // 2 + move
            text = "N" * 64 + ASSAY.left + sequence + ASSAY.right + "N" * 64
            first = 64 + len(ASSAY.left) - start
            total = total + network.predict_on_batch(
                one_hot(encode(text[first : first + 64]))[None]
            )
            number += 1
    return total[0] / number * [4.0, 0.5] + [9.0, -1.0]


def test_activities_are_means_over_networks_and_places(folder):
    found = bk.activity(folder, SEQUENCES, progress=False)
    expected = [by_hand(folder, sequence) for sequence in SEQUENCES]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        bk.activity(folder, SEQUENCES[0], activities=["poor"]), found[0, 1:], rtol=1e-6
    )


def test_the_size_of_a_batch_changes_nothing(folder):
    one = bk.activity(folder, SEQUENCES, batch_size=1, progress=False)
    np.testing.assert_allclose(bk.activity(folder, SEQUENCES, progress=False), one, atol=1e-5)


def rows(path):
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    return [line.split("\t") for line in text.splitlines()]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_table_keeps_its_columns_and_rows(folder, tmp_path, end, packed):
    lines = ["id\tsequence\trich", *(f"s{i}\t{s}\t1" for i, s in enumerate(SEQUENCES)), ""]
    content = end.join(lines).encode()
    source = tmp_path / ("x.tsv.gz" if packed else "x.tsv")
    source.write_bytes(gzip.compress(content) if packed else content)
    out = tmp_path / ("y.tsv.gz" if packed else "y.tsv")
    counts = activity_file(folder, source, out, progress=False)
    header, *found = rows(out)
    # The input has a column of an activity's name.
    assert header == ["id", "sequence", "rich", "predicted_rich", "poor", "status"]
    assert [row[:3] for row in found] == [[f"s{i}", s, "1"] for i, s in enumerate(SEQUENCES)]
    values = np.array([row[3:5] for row in found], float)
    np.testing.assert_allclose(values, bk.activity(folder, SEQUENCES, progress=False), rtol=1e-5)
    assert counts == {"ok": 3}


def test_fasta_and_table_agree(folder, tmp_path):
    (tmp_path / "x.fa").write_text(">a b\nACGTA\nCGTAC\n\n>c\r\nTTTTTTTTTTTTTTTTTTTT\r\n>d\nacgtnn")
    activity_file(folder, tmp_path / "x.fa", tmp_path / "y.tsv", progress=False)
    header, *found = rows(tmp_path / "y.tsv")
    assert header == ["name", "sequence", "rich", "poor", "status"]
    assert [row[:2] for row in found] == [["a b", SEQUENCES[0]], ["c", SEQUENCES[1]],
                                          ["d", SEQUENCES[2]]]  # fmt: skip
    values = np.array([row[2:4] for row in found], float)
    np.testing.assert_allclose(values, bk.activity(folder, SEQUENCES, progress=False), rtol=1e-5)


def test_sequences_without_an_activity_keep_their_row_and_say_why(folder, tmp_path):
    content = "sequence\nACGT\nACRT\n" + "A" * 65 + "\nACGT\n"
    (tmp_path / "x.tsv").write_text(content)
    counts = activity_file(folder, tmp_path / "x.tsv", tmp_path / "y.tsv", progress=False)
    _, *found = rows(tmp_path / "y.tsv")
    assert [row[3] for row in found] == [
        "ok", "'R' is no base", "longer than the window of 64 bp", "ok",
    ]  # fmt: skip
    assert found[0][1:3] == found[3][1:3] != ["", ""]
    assert found[1][1:3] == found[2][1:3] == ["", ""]
    assert sum(counts.values()) == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("name\tletters\nx\tACGT\n", "no column sequence"),
        ("sequence\tsequence\nA\tC\n", "the column sequence stands twice"),
        ("sequence\n", "has no sequences"),
        ("id\tsequence\nx\n", "x.tsv:2: 1 cells, and the header has 2"),
    ],
)
def test_a_file_that_is_none_is_named_and_nothing_is_left(folder, tmp_path, content, message):
    (tmp_path / "x.tsv").write_text(content)
    with pytest.raises(bk.InputError, match=message):
        activity_file(folder, tmp_path / "x.tsv", tmp_path / "y.tsv", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["x.tsv"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reporter": "other"}, "no reporter 'other': expected one of library"),
        ({"activities": ["other"]}, "no activity 'other': expected one of rich, poor"),
    ],
)
def test_what_the_model_lacks_is_said(folder, options, message):
    with pytest.raises(bk.InputError, match=message):
        bk.activity(folder, "ACGT", **options)


def test_a_model_without_reporters_says_so():
    with pytest.raises(bk.InputError, match=r"has (no|several) reporter"):
        bk.load("model_files").assay_of("none of its")


def test_the_command(folder, tmp_path):
    (tmp_path / "x.fa").write_text(">a\nACGTACGTAC\n")
    command = [sys.executable, "-m", "basenji_kipoi", "activity", "--model", str(folder)]
    command += ["--sequences", str(tmp_path / "x.fa"), "--out", str(tmp_path / "y.tsv")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "activities of 1 sequence," in done.stderr
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode != 0
    assert "exists" in again.stderr


def test_quoted_cells_are_read_as_in_any_table(folder, tmp_path):
    (tmp_path / "x.tsv").write_text('"note"\tsequence\n"a ""b"""\t"ACGTACGTAC"\n')
    activity_file(folder, tmp_path / "x.tsv", tmp_path / "y.tsv", progress=False)
    _, (note, sequence, *values, status) = rows(tmp_path / "y.tsv")
    assert (note, sequence, status) == ('"a ""b"""', '"ACGTACGTAC"', "ok")
    np.testing.assert_allclose(
        np.array(values, float), bk.activity(folder, "ACGTACGTAC"), rtol=1e-5
    )


def test_an_interrupted_run_goes_on_and_computes_nothing_again(folder, tmp_path, monkeypatch):
    from basenji_kipoi.activities import run

    monkeypatch.setattr(run, "_PIECE", 2)
    (tmp_path / "x.tsv").write_text("sequence\n" + "\n".join(SEQUENCES * 2) + "\n")
    activity_file(folder, tmp_path / "x.tsv", tmp_path / "whole.tsv", progress=False)
    asked, predicted = [], run._predicted

    def stopped_at_the_third(model, reporter, sequences, batch_size):
        asked.append(sequences)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return predicted(model, reporter, sequences, batch_size)

    monkeypatch.setattr(run, "_predicted", stopped_at_the_third)
    arguments = (folder, tmp_path / "x.tsv", tmp_path / "y.tsv")
    with pytest.raises(KeyboardInterrupt):
        activity_file(*arguments, progress=False)
    with pytest.raises(bk.InputError, match="pass --resume"):
        activity_file(*arguments, progress=False)
    activity_file(*arguments, progress=False, resume=True)
    assert len(asked) == 4
    assert (tmp_path / "y.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole.tsv", "x.tsv", "y.tsv"]


def test_what_is_malformed_at_the_end_is_said_before_anything_is_predicted(
    folder, tmp_path, monkeypatch
):
    monkeypatch.setattr("basenji_kipoi.activities.run._predicted", None)
    (tmp_path / "x.tsv").write_text("id\tsequence\n" + "a\tACGT\n" * 9 + "ACGT\n")
    with pytest.raises(bk.InputError, match=r"x.tsv:11: 1 cells, and the header has 2"):
        activity_file(folder, tmp_path / "x.tsv", tmp_path / "y.tsv", progress=False)
