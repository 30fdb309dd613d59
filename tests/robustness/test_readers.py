"""Readers by themselves: whatever is done to a file, its reader ends in a value or in one line.

The campaign asks the same of whole commands, which takes hours; this takes seconds.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

pytest.importorskip("basenji_training", reason="the campaign's inputs are those of both packages")
sys.path.insert(0, str(Path(__file__).parents[1]))

from robustness.corruptions import corruptions_of, fuzzed
from robustness.fixtures import write_loci

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.vcf_index import index_vcf
from basenji_kipoi.interpretation.motif_matrices import read_meme
from basenji_kipoi.locus.exports.run import export_scores
from basenji_kipoi.locus.linkage import open_linkage
from basenji_kipoi.locus.page.observed import read_observed
from basenji_kipoi.locus.reading import read_loci
from basenji_kipoi.scoring.plots import plot_scores
from basenji_kipoi.scoring.tables import METADATA_KEY

FUZZED = 60


def scores():
    """Make a table of scores, as `basenji score` writes it."""
    number = 30
    told = {"definitions": {"SAD": {"units": "u", "signed": True}}, "rows": {"number": number}}
    columns = {
        "chrom": ["chr7"] * number,
        "pos": list(range(1000, 1000 + number)),
        "id": [f"rs{n}" for n in range(number)],
        "ref": ["A"] * number,
        "alt": ["G"] * number,
        "status": ["ok"] * number,
        "SAD/a": np.linspace(-1, 1, number),
    }
    return pa.table(columns).replace_schema_metadata({METADATA_KEY: json.dumps(told)})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Write small valid files."""
    import pybigtools

    folder = tmp_path_factory.mktemp("inputs")
    letters = "".join(np.random.default_rng(4).choice(list("ACGT"), 4000))
    (folder / "g.fa").write_text(f">chr7\n{letters}\n>chr8\n{letters[::-1]}\n")
    rows = [f"chr{7 + n % 2}\t{1500 + 40 * n}\tv{n}\tA\tC,G\t.\t.\t." for n in range(8)]
    head = ["##fileformat=VCFv4.2", "##contig=<ID=chr7>", "##contig=<ID=chr8>"]
    head.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    (folder / "v.vcf").write_text("\n".join([*head, *rows, ""]))
    write_loci(folder)
    table = scores()
    # Genotypes of the variants with scores, and of what lies there.
    head = ["##fileformat=VCFv4.2", "##contig=<ID=chr7>"]
    head.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    head.append(
        "\t".join(["#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".replace(" ", "\t"), *"abc"])
    )
    calls = ("0|0", "0|1", "1|1")
    rows = [
        "\t".join(
            ["chr7", str(pos), ".", "A", "G", ".", ".", ".", "GT", *calls[n % 3 :], *calls[: n % 3]]
        )
        for n, pos in enumerate(table["pos"].to_pylist())
    ]
    (folder / "s.vcf").write_text("\n".join([*head, *rows, ""]))
    pyarrow.parquet.write_table(table, folder / "s.parquet", write_page_checksum=True)
    pyarrow.parquet.write_table(
        table, folder / "plain.parquet", compression="none", use_dictionary=False
    )
    lines = ["##" + f"{METADATA_KEY}={table.schema.metadata[METADATA_KEY.encode()].decode()}"]
    lines += ["\t".join(table.column_names)]
    lines += ["\t".join(map(str, row.values())) for row in table.to_pylist()]
    (folder / "s.tsv").write_text("\n".join([*lines, ""]))
    runs = ((f"chr{n}", 100 * i, 100 * i + 60, 1.0 + i) for n in (7, 8) for i in range(30))
    pybigtools.open(str(folder / "t.bw"), "w").write({"chr7": 4000, "chr8": 4000}, runs)
    return folder


def sums(to):
    def export(path, inputs, out):
        export_scores(path, out / to, kind=to, linkage=inputs / "s.vcf", progress=False)

    return export


def linkage(path, inputs, _):
    table = read_loci(inputs / "l.tsv", inputs / "g.fa")
    open_linkage(path, table.variants).among([each.key for each in table.usable])


#: What is read, what kind of file it is, and by what: gets file, inputs and a folder for outputs.
READERS = {
    "table": ("l.tsv", "text", lambda path, inputs, _: read_loci(path, inputs / "g.fa")),
    "statistics": ("z.tsv", "text", lambda path, inputs, _: read_loci(path, inputs / "g.fa")),
    "parquet": ("l.parquet", "binary", lambda path, inputs, _: read_loci(path, inputs / "g.fa")),
    "vcf": ("v.vcf", "text", lambda path, inputs, _: read_loci(path, inputs / "g.fa")),
    "rsids": (
        "n.vcf",
        "text",
        lambda path, inputs, _: read_loci(inputs / "rs.tsv", inputs / "g.fa", rsids=path),
    ),
    "panel": ("n.vcf", "text", linkage),
    "matrix": ("n.txt", "text", linkage),
    "arrays": ("n.npz", "binary", linkage),
    "motifs": ("known.meme", "text", lambda path, *_: read_meme(path)),
    "bigwig": ("t.bw", "binary", lambda path, *_: read_observed(path, "chr7", 500, 1500)),
    "index": ("v.vcf", "text", lambda path, _, out: index_vcf(path, out / "o.vcf.gz")),
    "index bgzip": ("v.vcf.gz", "packed", lambda path, _, out: index_vcf(path, out / "o.vcf.gz")),
    "index bcf": ("v.bcf", "packed", lambda path, _, out: index_vcf(path, out / "o.vcf.gz")),
    "sldp": ("s.parquet", "binary", sums("sldp")),
    "polyfun": ("plain.parquet", "binary", sums("polyfun")),
    "linked": ("plain.parquet", "binary", sums("linked")),
    "plot": ("plain.parquet", "binary", lambda path, *_: plot_scores(path)),
    "plot text": ("s.tsv", "text", lambda path, *_: plot_scores(path)),
}


def message_of(read, path, inputs, out):
    """Read; return the message of an error that the user can read, empty without any."""
    try:
        read(path, inputs, out)
    except (InputError, OSError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize("reader", READERS)
def test_whatever_is_done_to_a_file_is_a_value_or_a_line(inputs, tmp_path, reader):
    name, kind, read = READERS[reader]
    ways = dict(corruptions_of(inputs / name, kind))
    whole = (inputs / name).read_bytes()
    for seed in range(FUZZED):
        ways[f"fuzzed {seed}"] = lambda path, seed=seed: path.write_bytes(fuzzed(whole, seed))
    messages = []
    for what, spoil in {"whole": lambda _: None, **ways}.items():
        work, out = tmp_path / "work", tmp_path / "out"
        for folder in (work, out):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        shutil.copy(inputs / name, work)
        spoil(work / name)
        message = message_of(read, work / name, inputs, out)
        if message:
            messages.append((what, message))
            assert not list(out.iterdir()), what
    assert "whole" not in dict(messages)
    assert [what for what, message in messages if "\n" in message] == []
    assert len(messages) > 5
