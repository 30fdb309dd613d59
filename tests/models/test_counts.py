"""Counts of the coverage: all undone that made a track's values of them."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

import basenji_kipoi as bk
from basenji_kipoi.models.targets import COUNTS, TABLE_UNITS, Target, Targets, counts_of
from basenji_kipoi.mutagenesis.windows import pieces_of

TRACKS = [
    Target(index=0, identifier="plain", strand_pair=0),
    Target(index=1, identifier="soft", strand_pair=1, scale=0.5, clip_soft=10.0),
    Target(index=2, identifier="squashed", strand_pair=2, scale=2.0, sum_stat="sum_sqrt"),
    Target(
        index=3, identifier="all", strand_pair=3, scale=0.3, clip_soft=6.0, clip=40.0,
        sum_stat="sum_sqrt",
    ),
]  # fmt: skip


def transformed(track, sums):
    """Make a track's values of sums over bins, by the formula of the targets table."""
    values = np.asarray(sums, float) ** (0.75 if track.sum_stat == "sum_sqrt" else 1)
    if track.clip_soft is not None:
        soft = track.clip_soft + np.sqrt(np.maximum(values - track.clip_soft, 0))
        values = np.where(values > track.clip_soft, soft, values)
    return track.scale * np.minimum(values, track.clip or np.inf)


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=20))
def test_counts_are_the_sums_that_values_were_made_of(sums):
    values = np.stack([transformed(track, sums) for track in TRACKS], axis=1)
    found = counts_of(TRACKS, values)
    for column, track in enumerate(TRACKS):
        # What a hard clip took is not known: of larger sums, the one at the clip is left.
        limit = np.inf if track.clip is None else (6 + (40 - 6) ** 2) ** (4 / 3)
        np.testing.assert_allclose(found[:, column], np.minimum(sums, limit), rtol=1e-6, atol=1e-9)


@pytest.fixture(scope="module")
def model(small_bundle, tmp_path_factory):
    """The small network, with tracks whose values were scaled, clipped and squashed."""
    from basenji_kipoi.models.bundle import save_bundle

    rows = [TRACKS[1], TRACKS[2], TRACKS[3]]
    rows = [
        row.model_copy(update={"index": place, "strand_pair": place, "clip_soft": 0.4})
        for place, row in enumerate(rows)
    ]
    save_bundle(
        tmp_path_factory.mktemp("counts") / "model",
        network=small_bundle.network(both_strands=False),
        architecture=small_bundle.architecture,
        targets=Targets(rows),
        name="counts",
        assembly="x",
        training={},
        evaluation={},
        model_card="",
        both_strands=True,
    )
    return bk.load(tmp_path_factory.getbasetemp() / "counts0" / "model")


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    letters = "".join(np.random.default_rng(7).choice(list("ACGT"), 5000))
    path.write_text(f">chrA\n{letters}\n")
    with bk.Genome(path) as opened:
        yield opened


@pytest.mark.usefixtures("eager")
def test_predictions_in_counts_give_predictions_again(model, genome, tmp_path):
    usual = bk.predict(model, genome, "chrA:1-3000")
    counts = bk.predict(model, genome, "chrA:1-3000", counts=True)
    assert (usual.attributes["unit"], counts.attributes["unit"]) == (TABLE_UNITS, COUNTS)
    for column, track in enumerate(model.targets):
        again = transformed(track.model_copy(update={"clip": None}), counts.values[:, column])
        np.testing.assert_allclose(again, usual.values[:, column], rtol=1e-5)
    some = bk.predict(model, genome, "chrA:1-3000", tracks="all", counts=True)
    np.testing.assert_allclose(some.values[:, 0], counts.values[:, 2], rtol=1e-6)


@pytest.mark.usefixtures("eager")
def test_scores_in_counts_are_of_predictions_in_counts(model, genome):
    start = 3000 - (2048 // 2 - 1)  # the variant's base stands left of the middle
    letter = "ACGT"[int(genome.codes("chrA", 3000, 3001)[0])]
    alt = "G" if letter != "G" else "T"
    variant = [("chrA", 3001, letter, alt)]
    table = bk.score(model, genome, variant, scores=("REF", "ALT", "SAD", "logSAD"), counts=True)
    window = start + 32 * model.architecture.crop, start + 2048 - 32 * model.architecture.crop
    predicted = bk.predict(model, genome, ("chrA", *window), counts=True).values
    for column, label in enumerate(model.targets.labels):
        row = {name: table.column(f"{name}/{label}")[0].as_py() for name in ("REF", "ALT", "SAD")}
        assert row["REF"] == pytest.approx(predicted[:, column].sum(), rel=1e-4)
        assert row["SAD"] == pytest.approx(row["ALT"] - row["REF"], abs=2e-4 * row["REF"])
    metadata = table.schema.metadata[b"basenji_score"].decode()
    assert f'"unit": "{COUNTS}"' in metadata
    assert f'"units": "{COUNTS}"' in metadata
    assert TABLE_UNITS not in metadata


def test_a_network_in_counts_is_the_network_and_the_formula(model):
    from basenji_kipoi.models.networks.building import in_counts

    network = model.network()
    windows = np.eye(4, dtype=np.float32)[np.random.default_rng(1).integers(0, 4, (2, 2048))]
    usual = network.predict_on_batch(windows)
    found = in_counts(network, model.targets).predict_on_batch(windows)
    np.testing.assert_allclose(found, model.targets.counts(usual), rtol=1e-5)
    assert np.abs(found - usual).max() > 0.1


def test_counts_are_of_tracks(tmp_path):
    with pytest.raises(bk.InputError, match="--counts is of tracks"):
        bk.score("yeast", tmp_path / "x.fa", [], reporter="promoter", counts=True)


@pytest.mark.usefixtures("eager")
def test_files_of_scores_have_the_counts_of_tables(model, genome, tmp_path):
    from basenji_kipoi.scoring.options import ScoreOptions
    from basenji_kipoi.scoring.run import score_file

    letter = "ACGT"[int(genome.codes("chrA", 3000, 3001)[0])]
    alt = "G" if letter != "G" else "T"
    header = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (tmp_path / "x.vcf").write_text(f"{header}chrA\t3001\t.\t{letter}\t{alt}\t.\t.\t.\n")
    out = tmp_path / "x.parquet"
    paths = tuple(bundle.path for bundle in model.bundles)
    options = ScoreOptions(paths, genome.path, str(tmp_path / "x.vcf"), out, counts=True)
    score_file(options, command="", quiet=True, note=lambda _: None)
    found = pyarrow.parquet.read_table(out)
    table = bk.score(model, genome, tmp_path / "x.vcf", counts=True)
    for name in found.column_names[-3:]:
        assert found.column(name)[0].as_py() == pytest.approx(table.column(name)[0].as_py())
    assert COUNTS in found.schema.metadata[b"basenji_score"].decode()


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("scores", [("SAD",), ("SAD", "logSAD")])
def test_maps_in_counts_are_of_predictions_in_counts(model, genome, scores):
    place = ("chrA", 3000, 3001)
    found = bk.mutate(model, genome, place, scores=scores, counts=True)
    usual = bk.mutate(model, genome, place, scores=scores)
    assert (usual.attributes["unit"], found.attributes["unit"]) == (TABLE_UNITS, COUNTS)
    codes = genome.codes("chrA", 3000, 3001)
    (block,) = pieces_of([bk.Interval(*place)], model.architecture)
    window = block.window
    for base in set(range(4)) - set(codes.tolist()):
        reference = genome.codes("chrA", window, window + 2048)
        changed = reference.copy()
        changed[3000 - window] = base
        values = model.targets.counts(model.predict(np.stack([reference, changed])))
        change = values[1].sum(axis=0) - values[0].sum(axis=0)
        tolerance = 2e-4 * values[0].sum(axis=0).max()
        np.testing.assert_allclose(found.scores["SAD"][0, base], change, atol=tolerance)
    assert (found.scores["SAD"] != usual.scores["SAD"]).any()


def test_maps_of_reporters_have_no_counts(genome):
    with pytest.raises(bk.InputError, match="--counts is of tracks"):
        bk.mutate("yeast", genome, ("chrA", 10, 11), reporter="promoter", counts=True)


@pytest.mark.usefixtures("eager")
def test_genes_of_haplotypes_in_counts(model, genome, tmp_path):
    letter = "ACGT"[int(genome.codes("chrA", 3000, 3001)[0])]
    alt = "G" if letter != "G" else "T"
    (tmp_path / "x.vcf").write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=chrA>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tF1\n"
        f"chrA\t3001\t.\t{letter}\t{alt}\t.\t.\t.\tGT\t0|1\n"
    )
    (tmp_path / "x.gtf").write_text(
        'chrA\tx\ttranscript\t3001\t3500\t.\t+\t.\tgene_id "G1"; gene_name "one";\n'
    )
    files = [tmp_path / "x.vcf", tmp_path / "x.gtf"]
    table = bk.compare_haplotypes(model, genome, *files, second="F1:2", counts=True)
    start = 3000 - (2048 // 2 - 1)
    reference = genome.codes("chrA", start, start + 2048)
    changed = reference.copy()
    changed[3000 - start] = "ACGT".index(alt)
    place = (3000 - start) // 32 - model.architecture.crop
    values = model.targets.counts(model.predict(np.stack([reference, changed])))[:, place]
    for column, label in enumerate(model.targets.labels):
        found = table.column(f"SED/{label}")[0].as_py()
        assert found == pytest.approx(values[1, column] - values[0, column], rel=1e-3, abs=1e-5)
    metadata = table.schema.metadata[b"basenji_score"].decode()
    assert f'"unit": "{COUNTS}"' in metadata
    with pytest.raises(bk.InputError, match="--counts is of tracks"):
        bk.compare_haplotypes(
            "yeast", genome, *files, second="F1:2", reporter="promoter", counts=True
        )
