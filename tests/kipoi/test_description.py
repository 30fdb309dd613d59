"""What Kipoi's tools say about the models, and that the YAML files fit the bundle and the lock."""

from __future__ import annotations

import re

import pytest
import yaml
from kipoi_site import MODELS, OLD_KIPOI, ROOT, succeeded

from basenji_kipoi.bundle import Bundle

COMMANDS = {
    "info": "kipoi info . --source=dir",
    "export": "kipoi env export . --source=dir -o environment.yaml",
    "create": "kipoi env create . --source=dir --dry-run",
}


def read(path) -> dict:
    return yaml.safe_load(path.read_text())


@pytest.fixture(scope="module")
def done(commands, site):
    return commands.start(COMMANDS, site.path)


@pytest.mark.legacy
def test_info_names_arguments_and_licence(done):
    output = succeeded(done["info"])
    for word in ("Apache-2.0", "intervals_file", "fasta_file", "10.1101/gr.227819.117"):
        assert word in output


@pytest.mark.legacy
def test_the_exported_environment_is_what_the_models_list(done, site):
    succeeded(done["export"])
    *conda, pip = read(site.path / "environment.yaml")["dependencies"]
    listed = read(ROOT / "model.yaml")["dependencies"]
    assert conda == listed["conda"]
    dataloader = read(ROOT / "dataloader.yaml")["dependencies"]["pip"]
    assert set(pip["pip"]) == {*listed["pip"], *dataloader}


@pytest.mark.legacy
def test_a_dry_run_creates_no_environment(done):
    assert "Dry run" in succeeded(done["create"])


@pytest.mark.skipif(OLD_KIPOI, reason="the lock of the modern environment")
@pytest.mark.parametrize(
    "path",
    ["dataloader.yaml", "mutation_map/dataloader.yaml", *(f"{m}/model.yaml" for m in MODELS)],
)
def test_dependencies_are_those_of_the_lock(path):
    locked = dict(
        re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements/modern.txt").read_text(), re.M)
    )
    for pinned in read(ROOT / path)["dependencies"]["pip"]:
        name, release = pinned.split("==")
        assert locked[name] == release


@pytest.mark.parametrize("folder", MODELS)
def test_shapes_are_those_of_the_shipped_bundle(folder):
    bundle = Bundle.load(ROOT / "model_files")
    architecture, tracks = bundle.architecture, len(bundle.targets)
    schema = read(ROOT / folder / "model.yaml")["schema"]
    if folder == "mutation_map":
        parts = read(ROOT / folder / "dataloader.yaml")["output_schema"]["inputs"]
        assert {n: part["shape"] for n, part in parts.items()} == {
            n: part["shape"] for n, part in schema["inputs"].items()
        }
        lengths = [int(part["shape"].strip("()").split(",")[0]) for part in parts.values()]
        assert sum(lengths) == architecture.window
    else:
        assert schema["inputs"]["shape"] == f"({architecture.window}, 4)"
    sums = folder in ("variant_effects", "mutation_map")
    expected = (tracks,) if sums else (architecture.bins, tracks)
    assert schema["targets"]["shape"] == str(expected)
    loader = read(ROOT / "dataloader.yaml")["output_schema"]
    assert loader["inputs"]["shape"] == f"({architecture.window}, 4)"
    default = read(ROOT / "variant_centered/model.yaml")["default_dataloader"]["default_args"]
    assert default["auto_resize_len"] == architecture.window
