"""kipoi-veff on `variant_effects`: scores and mutation maps against the network itself."""

from __future__ import annotations

import json
import re

import h5py
import numpy as np
import pandas as pd
import pysam
import pytest
from kipoi_site import OLD_KIPOI, ROOT, VEFF, succeeded

from basenji_kipoi.base.sequence import ALPHABET

pytestmark = pytest.mark.legacy

ARGUMENTS = json.dumps({"fasta_file": "examples/data/genome.fa"})
MODEL = f"kipoi_models/variant_effects --source=dir --dataloader_args '{ARGUMENTS}'"
GRID = MODEL.replace("}", ', "grid": true}')
VCF = "-i examples/data/variants.vcf.gz"
COMMANDS = {
    "all": f"{VEFF} score_variants {MODEL} {VCF} -o all.vcf -e all.tsv -s diff ref alt -n 2",
    "some": f"{VEFF} score_variants {MODEL} {VCF} -o some.vcf -e some.h5 "
    "-r region.bed.gz --model_outputs start_minus --batch_size 2",
    "grid": f"{VEFF} score_variants {GRID} {VCF} -o grid.vcf -s diff ref alt",
    "map": f"{VEFF} create_mutation_map {MODEL} -r one.vcf.gz -o map.h5 -s diff",
    "region": f"{VEFF} create_mutation_map {MODEL.replace('variant_effects', 'mutation_map')} "
    "-r one.vcf.gz -o region.h5 -s diff",
    "end": f"{VEFF} create_mutation_map {MODEL.replace('variant_effects', 'mutation_map')} "
    "-r end.vcf.gz -o end.h5",
}
#: The example's substitutions, among them one at each end of a chromosome, one in lower case and
#: one of two alleles, whose first is scored.
SCORED = (10, 20_003, 20_050, 33_001, 34_101, 50_500, 79_999, 20_000)
MAPPED = 33_001


def index(path, kind: str) -> None:
    # Without an index, kipoi-veff would make one beside the file.
    pysam.tabix_index(str(path), preset=kind, force=True)


@pytest.fixture(scope="module")
def done(commands, site):
    (site.path / "region.bed").write_text("chrA\t33000\t34100\nchrA\t34050\t36000\n")
    index(site.path / "region.bed", "bed")
    with pysam.VariantFile(str(site.examples / "variants.vcf.gz")) as variants:
        record = next(record for record in variants if record.pos == MAPPED)
        (site.path / "one.vcf").write_text(f"{variants.header}{record}")
        variants.reset()
        (site.path / "end.vcf").write_text(f"{variants.header}{next(variants)}")
    for name in ("one.vcf", "end.vcf"):
        index(site.path / name, "vcf")
    return commands.start(COMMANDS, site.path)


@pytest.fixture(scope="module")
def variants(site):
    """Records by (chrom, pos); reference and alternative of each, summed over bins."""
    with pysam.VariantFile(str(site.examples / "variants.vcf.gz")) as records:
        scored = [record for record in records if len(record.ref) == 1]
    return {
        (record.chrom, record.pos): site.alleles(
            record.chrom, record.pos, record.alts[0], index=site.window // 2 - 1
        ).sum(axis=1, dtype=np.float64)
        for record in scored
    }


def info(path) -> dict[tuple[str, int], dict[str, np.ndarray]]:
    """Scores in a VCF file: by variant and by score."""
    rows = {}
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            chrom, pos, *_, tags = line.split("\t")
            found = re.findall(r"KV:dir:kipoi_models/variant_effects:([A-Z]+)=([^;]*)", tags)
            rows[chrom, int(pos)] = {k: np.array(v.split("|"), float) for k, v in found}
    return rows


def test_scores_in_a_vcf(done, site, variants):
    succeeded(done["all"])
    rows = info(site.path / "all.vcf")
    assert [pos for _, pos in rows] == list(SCORED)  # the deletion is skipped
    header = (site.path / "all.vcf").read_text()
    assert "Prediction from model outputs: access|start_plus|start_minus" in header
    for place, (ref, alt) in variants.items():
        np.testing.assert_allclose(rows[place]["REF"], ref, rtol=1e-5)
        np.testing.assert_allclose(rows[place]["ALT"], alt, rtol=1e-5)
        # Bins that a variant cannot reach cancel, so that the difference is as exact as a bin is.
        np.testing.assert_allclose(rows[place]["DIFF"], alt - ref, rtol=1e-3, atol=2e-4)
        assert np.abs(alt - ref).max() > 2e-3


def test_windows_on_the_grid_have_the_variant_at_its_true_place(done, site):
    succeeded(done["grid"])
    rows = info(site.path / "grid.vcf")
    assert [pos for _, pos in rows] == list(SCORED)
    bin_, half = site.bundle.architecture.bin, site.window // 2
    moved = set()
    with pysam.VariantFile(str(site.examples / "variants.vcf.gz")) as records:
        alleles = {(r.chrom, r.pos): r.alts[0] for r in records if len(r.ref) == 1}
    for (chrom, pos), row in rows.items():
        start = round((pos - half) / bin_ + 1e-9) * bin_  # of two that are as near, the right one
        moved.add(start - (pos - half))
        values = site.alleles(chrom, pos, alleles[chrom, pos], index=pos - 1 - start)
        ref, alt = values.sum(axis=1, dtype=np.float64)
        np.testing.assert_allclose(row["REF"], ref, rtol=1e-5)
        np.testing.assert_allclose(row["ALT"], alt, rtol=1e-5)
        np.testing.assert_allclose(row["DIFF"], alt - ref, rtol=1e-3, atol=2e-4)
    assert len(moved) > 3
    assert max(map(abs, moved)) <= bin_ // 2


def test_scores_in_a_table(done, site):
    succeeded(done["all"])
    rows = info(site.path / "all.vcf")
    table = pd.read_csv(site.path / "all.tsv", sep="\t")
    assert table["variant_pos"].tolist() == list(SCORED)
    for score in ("diff", "ref", "alt"):
        columns = [f"preds/{score}/{track}" for track in range(3)]
        expected = [row[score.upper()] for row in rows.values()]
        np.testing.assert_allclose(table[columns], expected, rtol=1e-5, atol=1e-6)


def test_one_track_within_a_region(done, site):
    succeeded(done["some"])
    rows = info(site.path / "some.vcf")
    assert list(rows) == [("chrA", 33_001), ("chrA", 34_101)]
    # kipoi-veff moves a window into the variant's region: both windows begin where theirs does.
    expected = []
    for position, alt, start in ((33_001, "C", 33_000), (34_101, "C", 34_050)):
        alleles = site.alleles("chrA", position, alt, index=position - 1 - start)
        expected.append((alleles[1] - alleles[0]).sum(axis=0, dtype=np.float64)[2])
    with h5py.File(site.path / "some.h5") as file:
        scores = np.ravel(file["preds/diff"])
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=2e-4)
    assert all(set(row) == {"DIFF"} for row in rows.values())
    np.testing.assert_allclose(np.ravel([row["DIFF"] for row in rows.values()]), scores, atol=1e-6)


def test_a_mutation_map(done, site):
    succeeded(done["map"])
    with h5py.File(site.path / "map.h5") as file:
        maps = file["_list_0/seq/diff"]
        assert set(maps) == set(site.bundle.targets.labels)
        effects = np.stack([maps[label]["mutation_map"] for label in site.bundle.targets.labels])
    assert effects.shape == (3, 4, site.window)
    start = MAPPED - site.window // 2
    reference = site.genome.codes("chrA", start, start + site.window)
    # A base against itself has no effect.
    assert not effects[:, reference, np.arange(site.window)].any()
    for place in (site.window // 2 - 1, site.window // 2 + 20, 100):
        for code, letter in enumerate(ALPHABET):
            ref, alt = site.alleles("chrA", start + place + 1, letter, index=place).sum(
                axis=1, dtype=np.float64
            )
            np.testing.assert_allclose(effects[:, code, place], alt - ref, rtol=1e-3, atol=2e-4)


def test_a_mutation_map_of_a_region_at_full_context(done, site):
    """The map of the whole window, cut out: the same variant, bases and effects."""
    succeeded(done["map"])
    succeeded(done["region"])
    region = 128
    first = site.window // 2 - region // 2
    with h5py.File(site.path / "map.h5") as whole, h5py.File(site.path / "region.h5") as file:
        for label in site.bundle.targets.labels:
            effects = file["_list_0/seq/diff"][label]["mutation_map"][()]
            assert effects.shape == (4, region)
            cut = whole["_list_0/seq/diff"][label]["mutation_map"][:, first : first + region]
            np.testing.assert_allclose(effects, cut, rtol=1e-3, atol=1e-5)
            assert np.abs(effects).max() > 1e-3


def test_what_has_no_mutation_map_is_said(done):
    ended = done["end"].result()
    assert ended.returncode != 0
    last = ended.stdout.strip().splitlines()[-1]
    assert last.endswith(
        "kipoi-veff makes no map of unknown bases: leave out variants and regions with N around "
        "them, and those near a chromosome's end"
    )


def test_the_documented_mutation_map(commands, site):
    """What the page says, word for word."""
    page = (ROOT / "docs" / "how-to" / "kipoi.md").read_text()
    section = page.split("### Mutation maps")[1]
    program, command = (
        re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL)[1] for kind in ("python", "sh")
    )
    (site.path / "choose.py").write_text(program)
    (site.path / "build").mkdir(exist_ok=True)
    chosen = commands.run("python choose.py", site.path)
    assert chosen.returncode == 0, chosen.stdout
    if OLD_KIPOI:
        command = command.replace("python -m kipoi_veff", VEFF)
    made = commands.run(command.replace("\\\n", " "), site.path)
    assert made.returncode == 0, made.stdout
    with pysam.VariantFile(str(site.path / "build/some.vcf.gz")) as variants:
        assert len([record for record in variants if len(record.ref) == 1]) == 2
    with h5py.File(site.path / "build/map.h5") as file:
        shapes = {}
        file.visititems(lambda name, item: shapes.update({name: getattr(item, "shape", None)}))
    maps = {name: shape for name, shape in shapes.items() if name.endswith("/mutation_map")}
    assert set(maps.values()) == {(4, 128)}, shapes
    tracks = {name.split("/")[-2] for name in maps}
    assert tracks == set(site.bundle.targets.labels)
    # kipoi-veff makes none of the deletion that lies between the two others.
    assert len(maps) == 2 * len(tracks), shapes
