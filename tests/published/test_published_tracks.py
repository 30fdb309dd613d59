"""The names of the published tracks: what imported networks get, and what patterns choose."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path

import pytest
from published_files import KERAS_FILE, PARAMS_2020

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.effects.scores import is_histone
from basenji_kipoi.models.targets import Target, Targets
from basenji_kipoi.published.family_2020 import read_keras_file
from basenji_kipoi.published.tracks import described, published_table, read_table

#: Tracks of each assay, as the publication counts them.
ASSAYS = {
    5313: {"DNASE": 674, "ATAC": 10, "CHIP": 3991, "CAGE": 638},
    1643: {"DNASE": 101, "ATAC": 127, "CHIP": 1058, "CAGE": 357},
}
SPECIES = {5313: "human", 1643: "mouse"}


@pytest.fixture(scope="module")
def tables():
    return {number: described(Targets.read(published_table(number))) for number in ASSAYS}


@pytest.mark.parametrize("number", ASSAYS)
def test_every_track_has_an_assay_and_a_sample(tables, number):
    found = dict.fromkeys(ASSAYS[number], 0)
    for track in tables[number]:
        found[track.assay.split(":")[0]] += 1
        assert track.sample
        assert track.description == f"{track.assay}:{track.sample}"
        assert not track.file
    assert found == ASSAYS[number]
    assert sum(is_histone(track) for track in tables[number]) > 500


@pytest.mark.skipif("BASENJI_DATA" not in os.environ, reason="BASENJI_DATA names no real data")
@pytest.mark.parametrize("number", ASSAYS)
def test_the_tables_are_those_that_were_published(tables, number):
    name = f"manuscripts_cross2020_targets_{SPECIES[number]}.txt.gz"
    with gzip.open(Path(os.environ["BASENJI_DATA"], "targets", name), "rt") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    names = ("identifier", "clip", "scale", "sum_stat", "description")
    for row, track in zip(rows, tables[number], strict=True):
        row["clip"], row["scale"] = float(row["clip"]), float(row["scale"])
        assert [row[name] for name in names] == [getattr(track, name) for name in names]


def network_of(folder, tracks, **details):
    params = json.loads(PARAMS_2020.read_text())
    heads = [key for key in params["model"] if key.startswith("head")]
    for key in heads:
        params["model"][key]["units"] = tracks
    (folder / "params.json").write_text(json.dumps(params))
    return read_keras_file(KERAS_FILE, folder / "params.json", **details)


def test_a_network_with_as_many_tracks_has_the_published_names(tmp_path):
    human = network_of(tmp_path, 5313).targets
    assert human.labels[0] == "ENCFF833POA"
    assert (human[0].assay, human[0].sample[:10]) == ("DNASE", "cerebellum")
    assert network_of(tmp_path, 1643).targets.labels[-1] == "CNhs14382"
    assert network_of(tmp_path, 6).targets.labels[0] == "track_0"
    (tmp_path / "mine.tsv").write_text(
        "index\tidentifier\tdescription\n" + "".join(f"{n}\tt{n}\tx\n" for n in range(5313))
    )
    own = network_of(tmp_path, 5313, targets=tmp_path / "mine.tsv").targets
    assert own.labels[:2] == ["t0", "t1"]


def test_patterns_choose_by_description(tables):
    human = tables[5313]
    livers = [
        t.index
        for t in human
        if t.description.startswith("DNASE:") and "liver" in t.description.lower()
    ]
    assert len(livers) == 3
    assert human.columns_of("DNASE:*liver*") == livers
    assert human.columns_of("dnase:*LIVER*,ENCFF833POA") == [*livers, 0]
    commas = "CAGE:lung adenocarcinoma? papillary*NCI-H441"
    assert human.columns_of(commas) == [5312]
    with pytest.raises(InputError, match="pattern of identifiers or descriptions"):
        human.columns_of("DNASE:*liverwort*")


def test_a_pattern_that_fits_identifiers_looks_no_further():
    rows = [
        Target(index=0, identifier="atac", strand_pair=0, description="x"),
        Target(index=1, identifier="other", strand_pair=1, description="atac of y"),
    ]
    assert Targets(rows).columns_of("atac*") == [0]
    assert Targets(rows).columns_of("*of y") == [1]


def test_only_what_is_not_said_is_derived():
    rows = [
        Target(index=0, identifier="a", strand_pair=0, description="CHIP:H3K27ac:liver: left"),
        Target(index=1, identifier="b", strand_pair=1, description="DNASE:x", assay="mine"),
        Target(index=2, identifier="c", strand_pair=2, description="note: of nothing"),
    ]
    found = [(t.assay, t.sample) for t in described(Targets(rows))]
    assert found == [("CHIP:H3K27ac", "liver: left"), ("mine", ""), ("", "")]


#: Rows as the original program's lists of 2018 have them.
LIST_OF_2018 = """\
ENCSR000EJD_3_1\tcovse/ENCSR000EJD_3_1.h5\tDNASE:GM12878
ENCSR057BWO_2_1\tcovse/ENCSR057BWO_2_1.h5\tHISTONE:H3K4me3 GM12878
CNhs12332\tcoverage/CNhs12332.h5\tCAGE:B lymphoblastoid cell line: GM12878 ENCODE, biol_rep2
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_list_of_2018_has_no_header(tmp_path, ends, packed):
    content = LIST_OF_2018.replace("\n", ends).encode()
    path = tmp_path / "sample_wigs.txt"
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read_table(path)
    assert found.labels == ["ENCSR000EJD_3_1", "ENCSR057BWO_2_1", "CNhs12332"]
    assert [row.index for row in found] == [row.strand_pair for row in found] == [0, 1, 2]
    assert [(row.assay, row.sample) for row in found] == [
        ("DNASE", "GM12878"),
        ("HISTONE:H3K4me3", "GM12878"),
        ("CAGE", "B lymphoblastoid cell line: GM12878 ENCODE, biol_rep2"),
    ]
    assert found.columns_of("HISTONE:H3K4me3*GM12878") == [1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tb\n", "no column identifier"),
        ("a\tb\tc\nd\te\n", ":2: expected 3 tab-separated columns, found 2"),
        ("a\tb\tc\na\te\tf\n", "the identifier stands twice"),
        ("name\tfile\tdescription\nx\ty\tz\n", "no column identifier"),
    ],
)
def test_what_is_neither_list_nor_table_is_told(tmp_path, content, message):
    (tmp_path / "list.txt").write_text(content)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "list.txt")
