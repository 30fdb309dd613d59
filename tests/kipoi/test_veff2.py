"""kipoi-veff2 on `variant_centered`: as its source reads, and as its program runs."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pysam
import pytest
from kipoi_site import OLD_KIPOI

pytestmark = pytest.mark.legacy

CHECKOUT = os.environ.get("BASENJI_KIPOI_VEFF2")


@pytest.fixture(scope="module")
def upper_case(site):
    """The example's genome in upper case, and substitutions far from the chromosomes' ends.

    kipoi-veff2 does not upper-case the genome, and cannot read beyond a chromosome.
    """
    folder = site.path.parent / "veff2"
    folder.mkdir()
    genome = (site.examples / "genome.fa").read_text().upper().replace("CHR", "chr")
    (folder / "genome.fa").write_text(genome)
    with pysam.VariantFile(str(site.examples / "variants.vcf.gz")) as variants:
        inside = [
            record
            for record in variants
            if len(record.ref) == len(record.alts) == 1 and 1000 < record.pos < 79_000
        ]
        (folder / "variants.vcf").write_text(f"{variants.header}{''.join(map(str, inside))}")
        kept = [(record.chrom, record.pos, record.alts[0]) for record in inside]
    return folder, kept


@pytest.fixture(scope="module")
def expected(site, upper_case):
    """Mean over bins of alternative minus reference, (variants, tracks)."""
    alleles = [site.alleles(*variant, index=site.window // 2 - 1) for variant in upper_case[1]]
    return np.stack([(alt - ref).mean(axis=0, dtype=np.float64) for ref, alt in alleles])


def test_one_batch_a_variant_as_kipoi_veff2_makes_it(site, upper_case, expected):
    import kipoi
    from cyvcf2 import VCF
    from kipoiseq.dataclasses import Interval, Variant
    from kipoiseq.extractors import VariantSeqExtractor
    from kipoiseq.transforms import ReorderedOneHot

    folder, _ = upper_case
    source = kipoi.sources.LocalSource(str(site.path.parent))
    name = "Basenji/kipoi_models/variant_centered"
    description = source.get_model_descr(name)
    loader = description.default_dataloader
    # What kipoi-veff2 asks of a model: this dataloader, the window's length, a label a track.
    assert loader.defined_as == "kipoiseq.dataloaders.SeqIntervalDl"
    assert loader.default_args["auto_resize_len"] == site.window
    targets = description.schema.targets
    assert len(targets.column_labels) == targets.shape[-1]

    model = kipoi.get_model(name, source=source)
    coding = ReorderedOneHot(
        alphabet="ACGT",
        dtype=loader.default_args["dtype"],
        alphabet_axis=loader.default_args["alphabet_axis"],
        dummy_axis=loader.default_args.get("dummy_axis"),
    )
    extractor = VariantSeqExtractor(fasta_file=str(folder / "genome.fa"))
    effects = []
    for record in VCF(str(folder / "variants.vcf")):
        variant = Variant.from_cyvcf(record)
        interval = Interval(variant.chrom, variant.pos - 1, variant.pos).resize(site.window)
        ref = extractor.extract(interval, variants=[], anchor=site.window)
        alt = extractor.extract(interval, variants=[variant], anchor=interval.center())
        both = model.predict_on_batch(np.stack([coding(ref), coding(alt)]))
        assert both.shape == (2, site.bundle.architecture.bins, len(site.bundle.targets))
        effects.append((both[1] - both[0]).mean(axis=0))
    np.testing.assert_allclose(effects, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.skipif(not CHECKOUT, reason="BASENJI_KIPOI_VEFF2 names no checkout of kipoi-veff2")
@pytest.mark.skipif(OLD_KIPOI, reason="run with the modern environment only")
def test_the_program_itself(commands, site, upper_case, expected, tmp_path):
    folder, kept = upper_case
    configuration = tmp_path / ".kipoi" / "config.yaml"
    configuration.parent.mkdir()
    configuration.write_text(
        f"model_sources:\n  kipoi:\n    type: local\n    local_path: {site.path.parent}\n"
    )
    output = tmp_path / "scores.tsv"
    command = f"python -m kipoi_veff2.cli {folder}/variants.vcf {folder}/genome.fa {output}"
    done = commands.run(
        f"{command} -m Basenji/kipoi_models/variant_centered",
        tmp_path,
        HOME=str(tmp_path),
        PYTHONPATH=str(Path(CHECKOUT).resolve()),
    )
    assert done.returncode == 0, done.stdout
    with output.open(newline="") as lines:
        header, *rows = csv.reader(lines, delimiter="\t")
    labels = site.bundle.targets.labels
    name = "Basenji/kipoi_models/variant_centered"
    assert header[5:] == [f"{name}/{label}/basenji_effect" for label in labels]
    assert [(row[0], int(row[1]), row[4]) for row in rows] == kept
    scores = [[float(value) for value in row[5:]] for row in rows]
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-5)
