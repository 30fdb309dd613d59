"""The reporter of the shipped model in Kipoi's hands, beside `basenji score --reporter`."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from kipoi_site import OLD_KIPOI, ROOT, VEFF, copy_kipoi_files, save_short, succeeded

import basenji_kipoi as bk
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import letters, one_hot, reverse_complement

FOLDER = "kipoi_models/reporter"
ACTIVITIES = ["rich", "defined"]


@pytest.fixture(scope="module")
def place(tmp_path_factory, home):
    """A copy, because Kipoi's programs leave files behind."""
    path = tmp_path_factory.mktemp("shipped") / "basenji"
    copy_kipoi_files(path)
    shutil.copy(ROOT / "examples/data/expected_reporter.h5", path / "examples/data")
    shutil.copytree(ROOT / "model_files", path / "model_files")
    return path


@pytest.fixture(scope="module")
def done(place, commands):
    fasta = place / "examples/data/genome.fa"
    intervals = place / "examples/data/intervals.bed"
    veff = json.dumps({"fasta_file": str(fasta)})
    both = json.dumps({"fasta_file": str(fasta), "intervals_file": str(intervals)})
    return commands.start(
        {
            "predict": f"kipoi predict {FOLDER} --source=dir --dataloader_args '{both}' -o x.tsv",
            "score": f"{VEFF} score_variants {FOLDER} --source=dir --dataloader_args '{veff}' "
            "-i examples/data/variants.vcf.gz -o x.vcf -e scores.tsv -s diff",
        },
        place,
    ) | commands.start({"test": "kipoi test . --source=dir"}, place / FOLDER)


@pytest.mark.legacy
def test_kipoi_test_meets_what_is_expected(done):
    output = succeeded(done["test"])
    assert OLD_KIPOI or "All predictions match" in output


@pytest.mark.legacy
def test_variants_have_the_scores_of_basenji_score(done, place):
    succeeded(done["score"])
    table = pd.read_csv(place / "scores.tsv", sep="\t")
    values = table[[name for name in table.columns if "diff" in name]].to_numpy()
    assert values.shape == (8, len(ACTIVITIES))
    pytest.importorskip("pyarrow", reason="basenji score needs pyarrow")
    # Both directions read one window: the variant is the 40th base of 80, or the 41st backwards.
    expected = []
    for strand, index in (("+", 39), ("-", 40)):
        scores = bk.score(
            ROOT / "model_files", place / "examples/data/genome.fa",
            place / "examples/data/variants.vcf.gz", reporter="promoter",
            oligos=bk.Oligos(places=(index,), strand=strand), progress=False,
        ).to_pandas()  # fmt: skip
        scores = scores.drop_duplicates(["chrom", "pos"]).set_index(["chrom", "pos"])
        expected.append(scores[[f"SAD/{name}" for name in ACTIVITIES]])
    # Beyond a contig's end Kipoi's windows have unknown bases; a library's oligo ends there.
    inside = (table["variant_pos"] > 80) & (table["variant_pos"] < 79_000)
    places = list(zip(table["variant_chr"][inside], table["variant_pos"][inside]))
    wanted = ((expected[0] + expected[1]) / 2).loc[places].to_numpy()
    values = values[inside]
    assert len(values) > 3
    np.testing.assert_allclose(values, wanted, rtol=1e-3, atol=1e-4)
    assert np.abs(wanted).max() > 0.05


@pytest.mark.legacy
def test_predictions_are_those_of_activity(done, place):
    succeeded(done["predict"])
    table = pd.read_csv(place / "x.tsv", sep="\t")
    found = table[[name for name in table.columns if name.startswith("preds")]].to_numpy()
    assert found.shape[1] == len(ACTIVITIES)
    model = bk.load(ROOT / "model_files")
    genome = bk.Genome(place / "examples/data/genome.fa")
    assay = model.assays["promoter"]
    expected = []
    for interval in bk.read_bed(place / "examples/data/intervals.bed", genome.lengths):
        start = (interval.start + interval.end) // 2 - assay.insert // 2
        codes = genome.codes(interval.chrom, start, start + assay.insert)
        both = ("".join(letters(each)) for each in (codes, reverse_complement(codes)))
        oligos = [assay.before + each + assay.behind for each in both]
        expected.append(bk.activity(model, oligos).mean(axis=0))
    np.testing.assert_allclose(found, np.array(expected), rtol=1e-3, atol=1e-3)


def test_the_description_is_of_the_bundle():
    description = yaml.safe_load((ROOT / FOLDER / "model.yaml").read_text())["schema"]
    loader = yaml.safe_load((ROOT / FOLDER / "dataloader.yaml").read_text())["output_schema"]
    assay = bk.load(ROOT / "model_files").assays["promoter"]
    assert description["inputs"]["shape"] == loader["inputs"]["shape"] == f"({assay.insert}, 4)"
    assert description["targets"]["shape"] == f"({len(assay.activities)},)"
    assert description["targets"]["column_labels"] == assay.identifiers


def test_directions_and_what_cannot_be_read(place, tmp_path, small_bundle):
    import kipoi

    model = kipoi.get_model(str(place / FOLDER), source="dir")
    build = type(model)
    codes = np.random.default_rng(0).integers(0, 4, (3, 80), dtype=np.uint8)
    folder = str(ROOT / "model_files")
    plus, minus = (build(folder, strand=strand).predict_on_batch(one_hot(codes)) for strand in "+-")
    np.testing.assert_allclose(
        model.predict_on_batch(one_hot(codes)), (plus + minus) / 2, rtol=1e-5, atol=1e-5
    )
    back = build(folder, strand="+").predict_on_batch(one_hot(3 - codes[:, ::-1]))
    np.testing.assert_allclose(back, minus, rtol=1e-5, atol=1e-5)
    with pytest.raises(InputError, match="shape \\(batch, 80, 4\\)"):
        model.predict_on_batch(one_hot(codes[:, :79]))
    with pytest.raises(InputError, match="not mixtures"):
        model.predict_on_batch(one_hot(codes) * 0.5)
    with pytest.raises(InputError, match="no strand 'x'"):
        build(folder, strand="x")
    save_short(small_bundle, tmp_path / "bundle")
    with pytest.raises(InputError, match="has no reporter"):
        build(str(tmp_path / "bundle"))
