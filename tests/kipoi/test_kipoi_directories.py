"""A directory that `basenji kipoi-dir` writes of somebody's own bundle, in Kipoi's hands."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import yaml
from kipoi_site import MODELS, OLD_KIPOI, VEFF, Site, save_short, succeeded

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.kipoi_directories import write_kipoi_directory

#: A name that YAML would read as something else than text.
AUTHOR = "Ada: [Lovelace] # 1"


@pytest.fixture(scope="module")
def written(tmp_path_factory, small_bundle, commands) -> Site:
    folder = tmp_path_factory.mktemp("own")
    save_short(small_bundle, folder / "bundle", both_strands=True)
    done = commands.run(
        f"python -m basenji_kipoi kipoi-dir bundle mine --author '{AUTHOR}' --license MIT", folder
    )
    assert done.returncode == 0, done.stdout
    return Site(folder / "mine")


@pytest.mark.slow
def test_every_view_passes_kipoi_test(commands, written):
    futures = [
        commands.start({"test": "kipoi test . --source=dir"}, written.path / folder)["test"]
        for folder in MODELS
    ]
    for future in futures:
        output = succeeded(future)
        assert OLD_KIPOI or "All predictions match" in output
        assert "WARNING" not in output


@pytest.mark.slow
def test_its_example_can_be_predicted_and_scored(commands, written):
    arguments = {
        "intervals_file": str(written.examples / "intervals.bed"),
        "fasta_file": str(written.examples / "genome.fa"),
    }
    given = f"--dataloader_args '{json.dumps(arguments)}'"
    runs = commands.start(
        {
            "predict": f"kipoi predict . --source=dir {given} -o x.h5",
            "score": f"{VEFF} score_variants kipoi_models/variant_effects --source=dir {given} "
            "-i examples/data/variants.vcf.gz -o x.vcf -e x.tsv -s diff",
        },
        written.path,
    )
    for future in runs.values():
        succeeded(future)
    _, windows = written.windows(written.examples / "intervals.bed")
    expected = written.predict(windows)
    with h5py.File(written.path / "x.h5") as file:
        np.testing.assert_allclose(file["preds"], expected, rtol=1e-4, atol=1e-6)
    assert len((written.path / "x.tsv").read_text().splitlines()) == 1 + 2


def test_descriptions_name_the_bundle_and_nothing_of_the_shipped_model(written):
    assert "short" in (written.path / "README.md").read_text()
    for folder in MODELS:
        text = (written.path / folder / "model.yaml").read_text()
        info = yaml.safe_load(text)["info"]
        assert info["authors"] == [{"name": AUTHOR}]
        assert info["license"] == "MIT"
        assert info["doc"].startswith("short: windows of 512 bp")
        assert info["trained_on"] == "the assembly simulated"
        for word in ("yeast", "cerevisiae", "sacCer3", "make kipoi-files"):
            assert word not in text


def test_what_is_no_such_directory_is_not_replaced(small_bundle, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="is no Kipoi directory"):
        write_kipoi_directory(small_bundle.path, other, overwrite=True)
    with pytest.raises(InputError, match="holds the model"):
        write_kipoi_directory(small_bundle.path, small_bundle.path.parent, overwrite=True)
    assert (other / "thesis.txt").read_text() == "years of work"
