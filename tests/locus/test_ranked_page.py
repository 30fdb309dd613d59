"""A ranking reads its genes once, and a page takes what it scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from locus_files import snvs, write, write_genome
from small_network import make_small_bundle

import basenji_kipoi as bk
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.locus import MechanismOptions, PageOptions, locus_file
from basenji_kipoi.locus.mechanisms import scored
from basenji_kipoi.locus.mechanisms.run import Explainer
from basenji_kipoi.locus.mechanisms.scored import KnownScores, Place
from basenji_kipoi.locus.page.ranked import read_ranked_scores
from basenji_kipoi.locus.ranking import run as ranking
from basenji_kipoi.locus.ranking.files import RankInputs
from basenji_kipoi.locus.ranking.options import RankOptions
from basenji_kipoi.scoring.parts import opening

GTF = 'chrA\tx\ttranscript\t1801\t2600\t.\t+\t.\tgene_id "G1"; gene_name "one";\n'
PLACES = [Place(*each) for each in snvs(6, first=1700)]


@pytest.fixture(scope="module")
def ranked(tmp_path_factory):
    """Rank six variants, and count how often genes are read."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("ranked")
    write_genome(folder)
    make_small_bundle(folder / "model")
    (folder / "genes.gtf").write_text(GTF)
    write(folder / "loci.tsv", "chrom pos ref alt pip", [(*each, 1 / 6) for each in PLACES])
    inputs = RankInputs(
        (folder / "model",), folder / "genome.fa", folder / "loci.tsv", folder / "genes.gtf"
    )
    reads = []

    def counted(*arguments):
        reads.append(arguments)
        return read(*arguments)

    read = ranking.read_genes
    tf.config.run_functions_eagerly(True)
    with pytest.MonkeyPatch.context() as patched:
        for module in (ranking, opening):
            patched.setattr(module, "read_genes", counted)
        ranking.rank_file(
            inputs, folder / "ranking", RankOptions(random=30, weight=0.5), command="basenji rank",
            quiet=True, note=lambda _: None,
        )  # fmt: skip
    tf.config.run_functions_eagerly(False)
    assert len(reads) == 1
    return folder


def known_of(folder, **options):
    asked = MechanismOptions(**{"genes": folder / "genes.gtf", **options})
    model = bk.load(folder / "model")
    return read_ranked_scores(folder / "ranking", model, folder / "genome.fa", asked), asked, model


@pytest.mark.usefixtures("eager")
def test_what_was_scored_is_what_a_page_would_score(ranked):
    (known, why), asked, model = known_of(ranked)
    assert why == ""
    with Genome(ranked / "genome.fa") as genome:
        anew = Explainer(model, genome, asked).score(PLACES, progress=False)
        more = [PLACES[3], Place(*snvs(1, first=1500)[0]), PLACES[0]]
        taken = Explainer(model, genome, asked, known).score(more, progress=False)
    assert [each.place for each in taken] == more
    for one, other in ((taken[0], anew[3]), (taken[2], anew[0])):
        assert (one.place, one.status, one.window) == (other.place, other.status, other.window)
        np.testing.assert_allclose(one.changes, other.changes, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(one.totals, other.totals, rtol=1e-4, atol=1e-5)
        (mine,), (own,) = one.genes, other.genes
        assert mine[:4] == own[:4]
        np.testing.assert_allclose(mine.changes, own.changes, rtol=1e-4, atol=1e-6)


def test_a_page_of_a_ranking_scores_nothing(ranked, tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("scored again")

    monkeypatch.setattr(scored, "score", never)
    asked = MechanismOptions(genes=ranked / "genes.gtf")
    options = PageOptions(ranked / "loci.tsv", asked, ranking=ranked / "ranking", explain=0)
    notes = []
    arguments = (ranked / "model", ranked / "genome.fa")
    done = locus_file(*arguments, tmp_path / "x.html", options, progress=False, note=notes.append)
    assert done.variants == 6
    assert not any("computed again" in line for line in notes)
    strands = replace(options, mechanism=replace(asked, both_strands=True))
    with pytest.raises(AssertionError, match="scored again"):
        locus_file(*arguments, tmp_path / "y.html", strands, progress=False, note=notes.append)
    assert "scores of" in notes[-2]
    assert "made with another both_strands" in notes[-2]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"both_strands": True}, "it was made with another both_strands"),
        ({"genes": "other.gtf"}, "it was made with other --genes"),
    ],
)
def test_scores_of_something_else_are_not_taken(ranked, change, why):
    (ranked / "other.gtf").write_text(GTF.replace("1801", "1701"))
    change = {name: ranked / value if name == "genes" else value for name, value in change.items()}
    (known, said), *_ = known_of(ranked, **change)
    assert known is None
    assert said.startswith(why)


def test_a_ranking_without_these_scores_is_said(ranked, tmp_path):
    old = tmp_path / "ranking"
    old.mkdir()
    model, fasta = bk.load(ranked / "model"), ranked / "genome.fa"
    assert read_ranked_scores(old, model, fasta, MechanismOptions()) == (
        None, "it has no scores.parquet",
    )  # fmt: skip
    table = pyarrow.parquet.read_table(ranked / "ranking" / "scores.parquet")
    names = [name for name in table.column_names if not name.startswith("centre/")]
    pyarrow.parquet.write_table(table.select(names), old / "scores.parquet")
    known, why = read_ranked_scores(old, model, fasta, MechanismOptions())
    assert known is None
    assert why == "it has no column centre/access"
    with pytest.raises(bk.InputError, match=r"no variants\.parquet"):
        locus_file(
            model, fasta, tmp_path / "x.html",
            PageOptions(Path(ranked / "loci.tsv"), MechanismOptions(), ranking=old / "nope"),
        )  # fmt: skip


def test_a_locus_without_genes_or_without_scores_takes_none(ranked):
    (known, _), *_ = known_of(ranked)
    known = KnownScores(known._alleles, known._genes.slice(0, 0))
    assert [len(table) for table in known.tables(PLACES[:2])] == [2, 0]
    assert [len(table) for table in known.tables([])] == [0, 0]
