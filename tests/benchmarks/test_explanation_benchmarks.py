"""The programs that set explanations beside the truth and beside another program."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import plain_network
import pytest
from small_network import small_architecture

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import Gene
from basenji_kipoi.models.bundle import save_bundle
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.networks.random_weights import randomised
from basenji_kipoi.models.targets import Target, Targets
from basenji_kipoi.models.training_record import Splits, TrainingRecord

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    """The programs import each other by name."""
    for name in ("truth", "speed"):
        monkeypatch.syspath_prepend(str(BENCHMARKS / name))


def instances(*rows):
    columns = ["motif_name", "sequence_name", "start", "end", "score"]
    return pd.DataFrame(rows, columns=columns)


def test_of_a_chain_of_overlapping_instances_the_best_is_kept():
    from bound_sites import best_of_overlapping

    found = best_of_overlapping(
        instances(
            ("A", "chrI", 20, 30, 5.0),
            ("A", "chrI", 0, 10, 1.0),
            ("A", "chrI", 9, 19, 3.0),
            ("A", "chrI", 15, 21, 2.0),
            ("A", "chrI", 30, 40, 1.0),
            ("A", "chrII", 0, 10, 1.0),
            ("B", "chrI", 5, 15, 1.0),
            ("B", "chrI", 5, 15, 2.0),
        )
    )
    kept = [(row.motif_name, row.sequence_name, row.start, row.score) for row in found.itertuples()]
    assert kept == [
        ("A", "chrI", 20, 5.0), ("A", "chrI", 30, 1.0), ("A", "chrII", 0, 1.0),
        ("B", "chrI", 5, 2.0),
    ]  # fmt: skip


def test_bound_are_those_near_a_peak():
    from bound_sites import classified

    starts = [90, 110, 111, 190, 192, 600]
    found = instances(*(("A", "chrI", start, start + 20, 1.0) for start in starts))
    genes = [Gene("G", "", "+", "chrI", (500,))]
    # Middles lie 0, 20, 21, 100, 102 and 510 from the peak at 100.
    table = classified(found, {"A": {"chrI": np.array([100])}}, genes)
    assert table.bound.tolist() == [True, True, False, False, False, False]
    assert table.unbound.tolist() == [False, False, False, False, True, True]
    # From 500 before to 100 behind the start; the last lies 110 behind it.
    assert table.promoter.tolist() == [True, True, True, True, True, False]
    nowhere = classified(found, {"A": {}}, genes)
    assert nowhere.unbound.all()


def test_peaks_of_the_experiment_with_more_count(tmp_path):
    from factor_tracks import read_peaks

    names = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X"]
    (tmp_path / "g.fa").write_text("".join(f">chr{name}\n{'A' * 500}\n" for name in names))
    with tarfile.open(tmp_path / "p.tar.gz", "w:gz") as archive:
        for name, text in (
            ("123_PUT3_x.bed", "chr1\t10\t11\n"),
            ("Put3_CX.bed", "chr1\t300\t301\nchr1\t20\t21\nchr10\t7\t8\n"),
        ):
            content = text.encode()
            info = tarfile.TarInfo(f"peaks/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with Genome(tmp_path / "g.fa") as genome:
        peaks = read_peaks(tmp_path / "p.tar.gz", genome)
    assert {contig: places.tolist() for contig, places in peaks["PUT3"].items()} == {
        "chrI": [20, 300], "chrX": [7],
    }  # fmt: skip


def test_tracks_of_peaks_are_one_around_their_middles(tmp_path):
    import pybigtools
    from factor_tracks import pieces_of

    from basenji_kipoi.base.bigwig.file import write_bigwig

    lengths = {"chrB": 300, "chrA": 1000}
    peaks = {"chrA": np.array([10, 200, 250, 400])}
    write_bigwig(tmp_path / "x.bw", lengths, pieces_of(peaks, lengths))
    with pybigtools.open(str(tmp_path / "x.bw")) as file:
        runs = list(file.records("chrA"))
        assert file.chroms() == lengths
    assert runs == [(0, 42, 1.0), (168, 282, 1.0), (368, 432, 1.0)]


def folds(folder, **tests):
    """Bundles of random weights that say which chromosomes they held out."""
    for seed, (name, contigs) in enumerate(tests.items()):
        architecture = small_architecture()
        targets = Targets(
            Target(index=i, identifier=each, strand_pair=i) for i, each in enumerate("ABC")
        )
        splits = {"train": ["chrX"], "validation": ["chrY"], "test": contigs}
        save_bundle(
            folder / name,
            network=randomised(build_network(architecture), seed=seed),
            architecture=architecture,
            targets=targets,
            name=name,
            assembly="none",
            training=TrainingRecord(chromosomes=Splits(**splits)),
            evaluation={},
            model_card="# Random weights\n",
        )


def test_an_instance_is_explained_by_the_model_that_held_it_out(tmp_path, eager):
    from instance_contributions import contributions_to, held_out_models, own_contributions

    folds(tmp_path, one=["chrI"], two=["chrII", "chrIII"])
    models = held_out_models(tmp_path)
    assert {name: path.name for name, path in models.items()} == {
        "chrI": "one", "chrII": "two", "chrIII": "two",
    }  # fmt: skip
    random = np.random.default_rng(0)
    text = "".join(f">chr{n}\n{''.join(random.choice(list('ACGT'), 4096))}\n" for n in ("I", "II"))
    (tmp_path / "g.fa").write_text(text)
    sites = instances(
        ("A", "chrI", 1000, 1010, 1.0), ("B", "chrI", 2000, 2010, 1.0),
        ("B", "chrII", 2000, 2010, 1.0), ("B", "chrII", 2040, 2048, 1.0),
    ).assign(middle=lambda table: (table.start + table.end) // 2)  # fmt: skip
    with Genome(tmp_path / "g.fa") as genome:
        found = own_contributions(models, genome, sites)
        for row in range(len(sites)):
            site = sites.iloc[[row]].reset_index(drop=True)
            model = tmp_path / ("one" if site.sequence_name[0] == "chrI" else "two")
            own, absolute, value = contributions_to(model, genome, site, site.motif_name[0])
            assert found["own"][row] == pytest.approx(own[0], rel=1e-4)
            assert found["own absolute"][row] == pytest.approx(absolute[0], rel=1e-4)
            assert found["binding"][row] == pytest.approx(value[0], rel=1e-4)
        with pytest.raises(InputError, match="no model held out chrIV"):
            own_contributions(models, genome, sites.assign(sequence_name="chrIV"))


def test_what_trained_a_model_is_not_explained_by_it(tmp_path):
    from instance_contributions import held_out_models

    with pytest.raises(InputError, match="has no bundles"):
        held_out_models(tmp_path)
    folds(tmp_path, one=["chrI", "chrX"])
    with pytest.raises(InputError, match="chrX is not held out by one model alone"):
        held_out_models(tmp_path)


def test_a_score_that_knows_is_told_from_one_that_does_not():
    from bound_sites import CLASSES, lines_of, measured

    random = np.random.default_rng(0)
    rows = []
    for factor in range(12):
        for kind in CLASSES:
            for _ in range(50):
                rows.append((f"F{factor}", "chrIV", len(rows), kind, float(kind == "bound")))
    columns = ["motif_name", "sequence_name", "start", "kind", "contribution"]
    sites = pd.DataFrame(rows, columns=columns)
    for name in ("relative", "absolute", "match"):
        sites[name] = random.normal(size=len(sites))
    sites["accessibility"] = 2 ** random.normal(sites.contribution)
    found = measured(sites)
    assert set(found) == {
        "all", "promoters", "test chromosomes", "as accessible", "test chromosomes, as accessible",
    }  # fmt: skip
    assert found["all"]["median"]["accessibility"].value > 0.7
    assert abs(found["as accessible"]["median"]["accessibility"].value - 0.5) < 0.05
    for each in found.values():
        assert each["median"]["contribution"].value == 1
        assert 0.4 < each["median"]["match"].value < 0.6
        assert len(each["factors"]) == 12
    assert lines_of(found)[2].startswith("| all | 12 | 1.00")
    both = measured(sites.assign(own=-sites.contribution))
    assert both["all"]["median"]["own"].value == 0
    assert both["all"]["median"]["contribution"].value == 1
    assert lines_of(both)[0].endswith("| match | own |")


def test_promoters_do_not_overlap_and_lie_before_their_genes(tmp_path):
    from yeast_motifs import promoters_of

    (tmp_path / "g.fa").write_text(f">chrI\n{'ACGT' * 5000}\n")
    lines = []
    for number, (first, strand) in enumerate([(5000, "+"), (5090, "-"), (9000, "-"), (100, "+")]):
        start, end = (first + 1, first + 900) if strand == "+" else (first - 899, first + 1)
        fields = ("chrI", "x", "transcript", start, end, ".", strand, ".", f'gene_id "G{number}";')
        lines.append("\t".join(map(str, fields)) + "\n")
    (tmp_path / "genes.gtf.gz").write_text("".join(lines))
    with Genome(tmp_path / "g.fa") as genome:
        found = {each.name: each for each in promoters_of(tmp_path, genome, 10, 0)}
    assert (found["G2"].start, found["G2"].end) == (8950, 9400)
    assert len({"G0", "G1"} & set(found)) == 1
    assert "G3" not in found


def test_the_network_is_described_with_the_names_of_its_layers(small_bundle):
    """Computed in NumPy from what the other program is given, it is the network."""
    from peers import described

    architecture = small_architecture()
    network = small_bundle.network(both_strands=False)
    operations = described(architecture.trunk, "trunk")
    names = {layer.name for layer in network.layers}

    def check(entries):
        for entry in entries:
            if entry["op"] in ("convolution", "normalisation"):
                assert entry["name"] in names
            check(entry.get("branch", []))

    check(operations)
    assert plain_network.layer_name("trunk", 0, architecture.trunk[0]) == operations[0]["name"]


@pytest.mark.parametrize(
    ("program", "arguments", "message"),
    [
        ("truth/bound_sites.py", ("--data", "nowhere"), "nowhere/factor_peaks.tar.gz is missing"),
        ("speed/peers.py", ("--peer", "nowhere"), "--peer names the Python that has tangermeme"),
    ],
)
def test_a_missing_input_is_one_line(tmp_path, program, arguments, message):
    given = ["--model", "model", "--out", tmp_path / "x.json", *arguments]
    done = subprocess.run(
        [sys.executable, BENCHMARKS / program, *map(str, given)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
