"""Genes, peaks and bigWigs of a genome, beside a store that holds excerpts of it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import zarr
from bokeh.models import ColumnDataSource, Select
from known_truth import BIN, LENGTHS, random_sequences, tiny_architecture, write_store
from store_inputs import write_bigwig

from basenji_kipoi.genome.genes import Gene
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.targets import Target, Targets
from basenji_training.data.survey import survey
from basenji_training.evaluation.annotations import Annotations, read_annotations
from basenji_training.evaluation.evaluate import evaluate
from basenji_training.evaluation.report.locus_view import locus_view
from basenji_training.evaluation.track_replicates import Replicate, Replicates
from basenji_training.evaluation.trained_model import Predictor
from basenji_training.measures.held_out import places_of
from basenji_training.store.genome import StoreGenome
from basenji_training.store.store import Store
from basenji_training.store.windows import Windows

#: Where the store's chromosomes begin on contigs of the genome. chr4, the test part, begins before
#: its contig does and ends behind it; chr2 and chr3 overlap.
POSITIONS = {"chr1": ("X", 1003), "chr2": ("Y", 100), "chr3": ("Y", 20_100), "chr4": ("Z", -517)}
TARGETS = Targets([Target(index=0, identifier="open", strand_pair=0)])
ARCHITECTURE = tiny_architecture(tracks=1)
END = -517 + LENGTHS["chr4"] - 1234
#: The genome's own coverage.
BASES = np.random.default_rng(0).poisson(2, END)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("excerpts") / "x.zarr"
    coverage = {name: np.ones((length // BIN, 1)) for name, length in LENGTHS.items()}
    excerpt = np.full(LENGTHS["chr4"], np.nan)
    excerpt[517 : 517 + END] = BASES
    coverage["chr4"] = excerpt[: len(excerpt) // BIN * BIN].reshape(-1, BIN).sum(axis=1)[:, None]
    write_store(path, random_sequences(), coverage, TARGETS)
    root = zarr.open_group(str(path), mode="r+")
    root.attrs["positions"] = {name: list(place) for name, place in POSITIONS.items()}
    return Store.open(path)


def test_a_gene_lies_in_the_excerpt_in_which_it_is_furthest_from_the_ends(store):
    genome = StoreGenome(store)
    last = 20_100 + LENGTHS["chr3"] - 1
    genes = [
        Gene("one", "", "+", "X", (1003, 1100), 1003, 5000),
        Gene("before", "", "+", "X", (1002, 1100)),
        Gene("both", "", "-", "Y", (20_200,), 20_150, 20_201),
        Gene("end", "", "-", "Y", (last,)),
        Gene("behind", "", "-", "Y", (last + 1,)),
        Gene("elsewhere", "", "+", "chr1", (2000,)),
    ]
    placed = {gene.gene_id: gene for gene in genome.place_genes(genes)}
    assert list(placed) == ["one", "both", "end"]
    assert placed["one"] == Gene("one", "", "+", "chr1", (0, 97), 0, 3997)
    # 4,900 bp from the end of chr2, 100 bp from that of chr3.
    assert placed["both"] == Gene("both", "", "-", "chr2", (20_100,), 20_050, 20_101)
    assert placed["end"].tss == (LENGTHS["chr3"] - 1,)
    # Of the test part alone.
    assert [g.contig for g in StoreGenome(store, "test").place_genes(genes)] == []


def test_intervals_have_a_part_in_each_excerpt(store):
    intervals = [
        Interval("Y", 20_000, 20_200, "x", "-"),
        Interval("X", 900, 1003),
        Interval("X", 900, 1004),
        Interval("Z", 0, 1),
        Interval("other", 0, 1),
    ]
    assert StoreGenome(store).place_intervals(intervals) == [
        Interval("chr2", 19_900, 20_100, "x", "-"),
        Interval("chr3", 0, 100, "x", "-"),
        Interval("chr1", 0, 1),
        Interval("chr4", 517, 518),
    ]


def test_whole_chromosomes_stay_as_they_are(tmp_path):
    coverage = {name: np.ones((length // BIN, 1)) for name, length in LENGTHS.items()}
    genome = StoreGenome(write_store(tmp_path / "x.zarr", random_sequences(), coverage, TARGETS))
    assert genome.lengths == LENGTHS
    genes, intervals = [Gene("a", "", "+", "chr1", (5,))], [Interval("chr9", 0, 1)]
    assert genome.place_genes(genes) == genes
    assert genome.place_intervals(intervals) == intervals


def test_files_of_the_genome_are_read_for_excerpts(store, tmp_path, caplog):
    line = '{}\tx\ttranscript\t{}\t{}\t.\t+\t.\tgene_id "{}"; transcript_id "t";\n'
    text = line.format("chrZ", 1001, 2000, "inside") + line.format("X", 2001, 3000, "training")
    (tmp_path / "x.gtf").write_text(text + line.format("M", 1, 9, "elsewhere"))
    (tmp_path / "x.bed").write_text(f"Z\t100\t200\nz\t{END - 5}\t{END}\nM\t0\t9\n")
    annotations = read_annotations(
        store,
        TARGETS,
        split="test",
        genes=tmp_path / "x.gtf",
        peaks=[f"open={tmp_path / 'x.bed'}"],
    )
    assert [(gene.gene_id, gene.contig, gene.tss) for gene in annotations.genes] == [
        ("inside", "chr4", (1517,))
    ]
    assert [str(peak) for peak in annotations.peaks["open"]] == [
        "chr4:617-717",
        f"chr4:{END + 512}-{END + 517}",
    ]
    intervals, genes = sorted(record.getMessage() for record in caplog.records)[::-1]
    assert "1 of 3 intervals lie on contigs that" in intervals + genes
    assert "1 of 3 genes lie on contigs that" in intervals + genes
    # `check` finds the start sites of all parts.
    assert survey(store, tmp_path / "x.gtf").profiles.sites == 2


def test_replicates_are_read_where_the_excerpt_lies(store, tmp_path):
    for name in "ab":
        write_bigwig(tmp_path / f"{name}.bw", {"chrZ": BASES, "X": np.ones(90_000)})
    windows = Windows(store, "test", ARCHITECTURE)
    files = [Replicate("open", name, tmp_path / f"{name}.bw") for name in "ab"]
    replicates = Replicates(files, windows, TARGETS, BIN)
    for place in places_of(windows):
        first = place.start // BIN
        observed = store.coverage("chr4", first, first + ARCHITECTURE.bins).astype(float)
        replicates.see(place, np.nan_to_num(observed), observed)
    (figures,), bins = replicates.figures()
    whole = np.isfinite(store.coverage("chr4", 0, LENGTHS["chr4"] // BIN)).sum()
    assert figures["bins"] == whole == (517 + END) // BIN - 17
    assert figures["prediction_replicate_pearson"] == pytest.approx(1)
    kept = np.isfinite(bins.predicted[:, 0])
    np.testing.assert_allclose(bins.predicted[kept], bins.observed[kept], rtol=1e-6)


def test_the_page_shows_places_of_the_genome(store):
    keras.utils.set_random_seed(0)
    model = Predictor(build_network(ARCHITECTURE), ARCHITECTURE, TARGETS)
    genes = StoreGenome(store, "test").place_genes(
        [Gene("here", "name", "-", "Z", (3999,), 2500, 4000)]
    )
    evaluation = evaluate(
        model, store, split="test", resolution=BIN, annotations=Annotations(genes=genes, flank=0)
    )
    assert evaluation.figures["genes"]["measurements"][0]["genes"] == 1
    view = locus_view(evaluation)
    (option,) = view.select_one({"type": Select}).options
    assert option[1].startswith("Z:-517-")
    sources = [source.data for source in view.select({"type": ColumnDataSource})]
    assert {(s["name"][0], s["start"][0], s["end"][0]) for s in sources if "tip" in s} == {
        ("name", 2500, 4000)
    }
    bins = [source["start"][:2].tolist() for source in sources if "zero" in source]
    assert bins
    assert all(first == [-517, -517 + BIN] for first in bins)
