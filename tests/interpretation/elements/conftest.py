"""A genome, genes and elements in files, and two models of random weights."""

from __future__ import annotations

import numpy as np
import pytest
from element_inputs import BED, TABLE
from small_network import save_random_bundle, small_architecture


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    letters = np.random.default_rng(3).choice(list("ACGT"), 6000)
    letters[3010:3012] = "N"
    letters = "".join(letters)
    (folder / "genome.fa").write_text(f">chr1\n{letters}\n>chr2\n{letters[1000:5000]}\n")
    (folder / "genes.gtf").write_text(
        'chr1\tx\ttranscript\t3001\t3900\t.\t+\t.\tgene_id "G1"; gene_name "one";\n'
        'chr1\tx\ttranscript\t2001\t3020\t.\t-\t.\tgene_id "G2";\n'
        'chr2\tx\ttranscript\t101\t300\t.\t+\t.\tgene_id "G3";\n'
    )
    (folder / "e.bed").write_text(BED)
    (folder / "e.tsv").write_text(TABLE)
    return folder


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [save_random_bundle(folder / str(n), small_architecture(), seed=n) for n in (3, 4)]
