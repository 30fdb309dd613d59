"""The shipped model, as somebody finds it who has cloned the repository."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil

import h5py
import numpy as np
import pytest
import yaml
from kipoi_site import MODELS, OLD_KIPOI, ROOT, Commands, Site, copy_kipoi_files, succeeded


@pytest.fixture(scope="module")
def shipped(tmp_path_factory, home) -> Site:
    """A copy, because Kipoi's programs leave files behind."""
    path = tmp_path_factory.mktemp("shipped") / "basenji"
    copy_kipoi_files(path)
    for file in (ROOT / "examples/data").glob("*.h5"):
        shutil.copy(file, path / "examples/data")
    shutil.copytree(ROOT / "model_files", path / "model_files")
    return Site(path)


@pytest.mark.slow
@pytest.mark.legacy
def test_kipoi_test_meets_what_is_expected(commands, shipped):
    futures = [
        commands.start({"test": "kipoi test . --source=dir"}, shipped.path / folder)["test"]
        for folder in MODELS
    ]
    for future in futures:
        output = succeeded(future)
        # Old releases of kipoi lose their log when they read a block of kipoi-veff.
        assert OLD_KIPOI or "All predictions match" in output
        assert "WARNING" not in output


@pytest.mark.parametrize("folder", MODELS)
def test_expected_predictions_are_those_of_the_bundle(shipped, folder):
    """Of the bundle's own network, to the decimals that `kipoi test` compares."""
    _, windows = shipped.windows(shipped.examples / "intervals_inside.bed")
    predictions = shipped.predict(windows)
    if folder.endswith(("variant_effects", "mutation_map")):
        predictions = predictions.sum(axis=1, dtype=np.float64)
    test = yaml.safe_load((shipped.path / folder / "model.yaml").read_text())["test"]
    with h5py.File(shipped.path / folder / test["expect"]) as file:
        inputs = file["inputs"]
        if isinstance(inputs, h5py.Group):
            parts = [inputs[name][()] for name in ("left", "seq", "right")]
            inputs = np.concatenate(parts, axis=1)
        np.testing.assert_array_equal(inputs, windows)
        tolerance = 1.5 * 10.0 ** -test["precision_decimal"]
        np.testing.assert_allclose(file["preds"], predictions, rtol=0, atol=tolerance)
    # Ten times what was measured between two ways to compute them, or little more.
    assert tolerance < 1e-5 * np.abs(predictions).max()


def test_the_documented_activation(shipped):
    """What the page takes for an example: what the head of the first member reads."""
    import kipoi

    page = (ROOT / "docs" / "how-to" / "kipoi.md").read_text()
    name = re.search(r'predict_activation_on_batch\(.*layer="(\w+)"\)', page)[1]
    model = kipoi.get_model(str(shipped.path), source="dir")
    assert name in model.layer_names
    _, windows = shipped.windows(shipped.examples / "intervals_inside.bed")
    features = model.predict_activation_on_batch(windows, layer=name)
    architecture, member = shipped.bundle.architecture, shipped.bundle.members[0]
    assert features.shape == (2, architecture.bins, 512)
    assert f"(2, bins, {features.shape[-1]})" in page
    network = member.network(both_strands=False)
    ((head, described),) = architecture.heads.items()
    weights, bias = network.get_layer(f"head_{head}").get_weights()
    assert described.activation == "softplus"
    expected = network.predict(windows, verbose=0)
    np.testing.assert_allclose(
        np.logaddexp(features @ weights + bias, 0), expected, rtol=1e-3, atol=1e-4
    )


@pytest.mark.slow
@pytest.mark.skipif(OLD_KIPOI, reason="the models list the modern environment")
def test_the_listed_dependencies_suffice_alone(commands: Commands, shipped, tmp_path):
    """Nothing but the pip list of `kipoi env export` is installed."""
    uv = shutil.which("uv") or str(ROOT / ".tools/bin/uv")
    if not shutil.which(uv):
        pytest.skip("needs uv (make bootstraps it into .tools)")
    exported = tmp_path / "environment.yaml"
    done = commands.run(f"kipoi env export . --source=dir -o {exported}", shipped.path)
    assert done.returncode == 0, done.stdout
    python, pip = yaml.safe_load(exported.read_text())["dependencies"]
    (tmp_path / "requirements.txt").write_text("\n".join(pip["pip"]))
    environment = tmp_path / "environment"
    arguments = {
        "intervals_file": "examples/data/intervals.bed",
        "fasta_file": "examples/data/genome.fa",
    }
    # uv keeps its downloads in the user's own home directory.
    own_home = {"HOME": pwd.getpwuid(os.getuid()).pw_dir}
    for command in (
        f"{uv} venv --python {python.partition('=')[2]} {environment}",
        f"{uv} pip install --python {environment} -r {tmp_path}/requirements.txt",
        f"{environment}/bin/kipoi predict . --source=dir "
        f"--dataloader_args '{json.dumps(arguments)}' -o {tmp_path}/x.h5 {tmp_path}/x.parquet",
    ):
        done = commands.run(command, shipped.path, **(own_home if command.startswith(uv) else {}))
        assert done.returncode == 0, done.stdout
    assert (tmp_path / "x.parquet").exists()
    _, windows = shipped.windows(shipped.examples / "intervals.bed")
    expected = shipped.predict(windows)
    with h5py.File(tmp_path / "x.h5") as file:
        np.testing.assert_allclose(
            file["preds"], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max()
        )
