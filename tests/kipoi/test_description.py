"""What Kipoi's tools say about the models, and that the YAML files fit the bundle and the lock."""

from __future__ import annotations

import re

import pytest
import yaml
from kipoi_site import GROUP, MODELS, OLD_KIPOI, PUBLISHED, ROOT, VARIANTS, succeeded

from basenji_kipoi.models.bundle import Bundle
from basenji_kipoi.published.family_2018 import read_params
from basenji_kipoi.published.family_2020 import Params

PUBLISHED_MODELS = [
    name for each in PUBLISHED for name in (each, *(f"{each}/{v}" for v in VARIANTS))
]
LOADERS = (
    "dataloader.yaml",
    "kipoi_models/mutation_map/dataloader.yaml",
    "kipoi_models/reporter/dataloader.yaml",
    f"{GROUP}/dataloader.yaml",
)
COMMANDS = {
    "info": "kipoi info . --source=dir",
    "export": "kipoi env export . --source=dir -o environment.yaml",
    "create": "kipoi env create . --source=dir --dry-run",
    "list": "kipoi ls kipoi_models --source=dir --tsv",
    "info_published": f"kipoi info {GROUP}/human_2018 --source=dir",
    "export_published": f"kipoi env export {GROUP}/basenji2_human/variant_centered --source=dir "
    "-o published.yaml",
    "create_published": f"kipoi env create {GROUP}/basenji2_mouse --source=dir --dry-run",
}


def read(path) -> dict:
    return yaml.safe_load(path.read_text())


def read_published(name: str) -> dict:
    """Read a model of the group as Kipoi fills in its description."""
    from kipoi.sources import LocalComponentGroup

    group = LocalComponentGroup.load(str(ROOT / GROUP))
    return yaml.safe_load(group.template.render(**group.get_model_row(name)))


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


@pytest.mark.legacy
def test_a_published_model_is_described_as_any_other(done, site):
    output = succeeded(done["info_published"])
    for word in ("Apache-2.0", "intervals_file", "fasta_file", "10.1101/gr.227819.117"):
        assert word in output
    succeeded(done["export_published"])
    *_, pip = read(site.path / "published.yaml")["dependencies"]
    listed = read_published("basenji2_human/variant_centered")["dependencies"]["pip"]
    assert set(pip["pip"]) == set(listed)
    assert "Dry run" in succeeded(done["create_published"])


@pytest.mark.legacy
def test_all_models_are_listed(done):
    rows = [line.split("\t") for line in succeeded(done["list"]).splitlines() if "\t" in line]
    assert rows[0][:2] == ["group", "N_models"]
    counts = {name: int(models) for name, models, *_ in rows[1:]}
    assert counts.pop("published") == len(PUBLISHED_MODELS)
    assert counts == {"reporter": 1, **{folder.split("/")[1]: 1 for folder in MODELS[1:]}}


def test_kipoi_veff_reads_of_the_published_models_what_their_template_says():
    """Their class reads the block where a new kipoi drops it: from the shipped model's file."""
    block = read(ROOT / "kipoi_models/variant_effects/model.yaml")["postprocessing"]
    for name in PUBLISHED_MODELS:
        described = read_published(name).get("postprocessing")
        assert described == (block if name.endswith("variant_effects") else None)


@pytest.mark.skipif(OLD_KIPOI, reason="the lock of the modern environment")
@pytest.mark.parametrize(
    "path",
    [
        *LOADERS,
        *(f"{m}/model.yaml" for m in (*MODELS, "kipoi_models/reporter")),
        *PUBLISHED_MODELS,
    ],
)
def test_dependencies_are_those_of_the_lock(path):
    description = read_published(path) if path in PUBLISHED_MODELS else read(ROOT / path)
    locked = dict(
        re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements/modern.txt").read_text(), re.M)
    )
    for pinned in description["dependencies"]["pip"]:
        name, release = pinned.split("==")
        assert locked[name] == release


@pytest.mark.parametrize("folder", MODELS)
def test_shapes_are_those_of_the_shipped_bundle(folder):
    bundle = Bundle.load(ROOT / "model_files")
    architecture, tracks = bundle.architecture, len(bundle.targets)
    schema = read(ROOT / folder / "model.yaml")["schema"]
    if folder.endswith("mutation_map"):
        parts = read(ROOT / folder / "dataloader.yaml")["output_schema"]["inputs"]
        assert {n: part["shape"] for n, part in parts.items()} == {
            n: part["shape"] for n, part in schema["inputs"].items()
        }
        lengths = [int(part["shape"].strip("()").split(",")[0]) for part in parts.values()]
        assert sum(lengths) == architecture.window
    else:
        assert schema["inputs"]["shape"] == f"({architecture.window}, 4)"
    sums = folder.endswith(("variant_effects", "mutation_map"))
    assert schema["targets"]["shape"] == str((tracks,) if sums else (None, tracks))
    assert sums or f"in {architecture.bins} bins" in schema["targets"]["doc"]
    loader = read(ROOT / "dataloader.yaml")["output_schema"]
    assert loader["inputs"]["shape"] == f"({architecture.window}, 4)"
    default = read(ROOT / "kipoi_models/variant_centered/model.yaml")["default_dataloader"][
        "default_args"
    ]
    assert default["auto_resize_len"] == architecture.window


@pytest.mark.parametrize("name", PUBLISHED_MODELS)
def test_shapes_of_the_published_models_are_those_of_their_params(name):
    """Kipoi reads them before there are weights."""
    network = name.split("/")[0]
    description = read_published(name)
    params = ROOT / GROUP / description["args"]["params"]
    if network == "human_2018":
        architecture = read_params(params)
    else:
        architecture = Params.read(params).architecture(network.split("_")[1])
    (head,) = architecture.heads.values()
    schema = description["schema"]
    assert schema["inputs"]["shape"] == f"({architecture.window}, 4)"
    sums = f"({head.tracks},)"
    bins = f"({architecture.bins}, {head.tracks})"
    assert schema["targets"]["shape"] == (sums if name.endswith("variant_effects") else bins)
    loader = description["default_dataloader"]
    if name.endswith("variant_centered"):
        assert loader["default_args"]["auto_resize_len"] == architecture.window
    else:
        loaded = (ROOT / GROUP / name / loader).resolve()
        assert loaded == ROOT / GROUP
        shape = read(loaded / "dataloader.yaml")["output_schema"]["inputs"]["shape"]
        assert shape == f"({architecture.window}, 4)"


def test_the_zoo_s_files_are_the_same_in_all_models_of_2018():
    names = [name for name in PUBLISHED_MODELS if name.startswith("human_2018")]
    descriptions = [read_published(name) for name in names]
    checkpoints = [description["args"]["checkpoint"] for description in descriptions]
    assert checkpoints[0] == checkpoints[1] == checkpoints[2]
    assert {part: file["md5"] for part, file in checkpoints[0].items()} == {
        "index": "b9561a2f203a8a1589cc65183dc0898b",
        "data": "155c2047761dbce5a18f00ba9d3fb821",
    }
