"""The published networks behind Kipoi's tools: small ones of both families, one in full size."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pysam
import pytest
from kipoi_site import GROUP, ROOT, VEFF, copy_kipoi_files, succeeded
from published_files import CHECKPOINT, FAMILIES, GOLDEN, golden_values

from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode, one_hot
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.networks.random_weights import randomised
from basenji_kipoi.published.family_2018 import read_params
from basenji_kipoi.published.writing import checkpoint_variables, write_checkpoint

#: Each family's model, and the file of its parameters.
SMALL = {"checkpoint_2018": "human_2018", "basenji2": "basenji2_human"}
PARAMS = {"checkpoint_2018": "params_2018.txt", "basenji2": "params_2020_human.json"}
OTHER = dict(zip("ACGT", "GTAC"))
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def serve(group: Path, checkpoint: Path) -> None:
    """Let the models of 2018 in a copy of the group get a checkpoint by addresses of files."""
    template = group / "model-template.yaml"
    text = template.read_text()
    for suffix in (".index", ".data-00000-of-00001"):
        file = Path(f"{checkpoint}{suffix}")
        text, found = re.subn(
            rf"url: .*model.tf{suffix}.*\n( +)md5: .*",
            rf"url: {file.as_uri()}\n\1md5: {checksum(file, 'md5')}",
            text,
        )
        assert found == 1
    template.write_text(text)


# ---- small networks, as the original programs made them ----


@pytest.fixture(scope="module")
def small_models(tmp_path_factory):
    """The Kipoi files with the small networks, and their sequences as a genome."""
    path = tmp_path_factory.mktemp("published") / "basenji"
    copy_kipoi_files(path)
    group = path / GROUP
    template = group / "model-template.yaml"
    template.write_text(template.read_text().replace("131072", "16384"))
    dataloader = group / "dataloader.yaml"
    dataloader.write_text(dataloader.read_text().replace("(131072, 4)", "(16384, 4)"))
    rows = pd.read_csv(group / "models.tsv", sep="\t")
    for family, name in SMALL.items():
        (params,) = (GOLDEN / family).glob("params.*")
        shutil.copy(params, group / PARAMS[family])
        sequences, predictions = golden_values(family)
        rows.loc[rows["network"] == name, ["bins", "tracks"]] = predictions.shape[1:]
        records = "".join(f">chr{i}\n{s}\n" for i, s in enumerate(sequences))
        (path / f"{name}.fa").write_text(records)
        (path / f"{name}.bed").write_text("chr0\t0\t16384\nchr1\t0\t16384\n")
    rows.to_csv(group / "models.tsv", sep="\t", index=False)
    serve(group, CHECKPOINT)
    file = group / "downloaded" / "basenji2_human" / "model_human.h5"
    file.parent.mkdir(parents=True)
    shutil.copy(GOLDEN / "basenji2" / "model_best.h5", file)
    return path


def arguments(path: Path, name: str) -> dict[str, object]:
    genome, bed = str(path / f"{name}.fa"), str(path / f"{name}.bed")
    return {"intervals_file": bed, "fasta_file": genome, "window": 16_384}


@pytest.fixture(scope="module")
def predicted(commands, small_models):
    return {
        family: commands.start(
            {
                "bins": f"kipoi predict {GROUP}/{name} --source=dir -o {name}.h5 --dataloader_args "
                f"'{json.dumps(arguments(small_models, name))}'"
            },
            small_models,
        )["bins"]
        for family, name in SMALL.items()
    }


@pytest.mark.legacy
@pytest.mark.parametrize("family", SMALL)
def test_kipoi_predict_gives_what_the_original_program_did(predicted, small_models, family):
    succeeded(predicted[family])
    with h5py.File(small_models / f"{SMALL[family]}.h5") as file:
        np.testing.assert_allclose(file["preds"], golden_values(family)[1], **CLOSE)


@pytest.mark.legacy
@pytest.mark.parametrize("family", SMALL)
def test_the_three_models_of_a_network_agree(small_models, family):
    import kipoi

    name = SMALL[family]
    model_name = str(small_models / GROUP / name)
    sequences, expected = golden_values(family)
    windows = one_hot(np.stack([encode(sequence) for sequence in sequences]))
    for each in (model_name, f"{model_name}/variant_centered"):
        model = kipoi.get_model(each, source="dir")
        np.testing.assert_allclose(model.predict_on_batch(windows), expected, **CLOSE)
    model = kipoi.get_model(f"{model_name}/variant_effects", source="dir")
    sums = model.pipeline.predict(arguments(small_models, name), batch_size=1)
    np.testing.assert_allclose(sums, expected.sum(axis=1, dtype=np.float64), rtol=1e-5)
    assert model.input_grad(windows[:1], filter_idx=0).shape == (1, 16_384, 4)
    # The three share one copy of the files.
    group = small_models / GROUP
    assert {file.name for file in (group / "downloaded" / name).iterdir()} <= {
        "model_human.h5",
        "model.tf.index",
        "model.tf.data-00000-of-00001",
    }
    assert {file.parent.name for file in group.rglob("downloaded/**/*.*")} <= set(SMALL.values())
    assert [path.parent for path in group.rglob("downloaded")] == [group]


@pytest.fixture(scope="module")
def scored(commands, small_models):
    """kipoi-veff, on a substitution in the middle of each network's first sequence."""
    started = {}
    for family, name in SMALL.items():
        ref = golden_values(family)[0][0][8191]
        lines = ["##fileformat=VCFv4.2", "##contig=<ID=chr0,length=16384>"]
        lines += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
        lines += [f"chr0\t8192\t.\t{ref}\t{OTHER[ref]}\t.\t.\t.", ""]
        (small_models / f"{name}.vcf").write_text("\n".join(lines))
        pysam.tabix_index(str(small_models / f"{name}.vcf"), preset="vcf", force=True)
        files = {"fasta_file": f"{name}.fa", "window": 16_384}
        command = f"{VEFF} score_variants {GROUP}/{name}/variant_effects --source=dir "
        command += f"-i {name}.vcf.gz -o {name}.out.vcf -e {name}.tsv -s diff ref "
        command += f"--dataloader_args '{json.dumps(files)}'"
        started |= commands.start({family: command}, small_models)
    return started


@pytest.mark.legacy
@pytest.mark.parametrize("family", SMALL)
def test_kipoi_veff_scores_variants_with_the_sums(scored, small_models, family):
    succeeded(scored[family])
    sequence = golden_values(family)[0][0]
    codes = np.stack([encode(sequence)] * 2)
    codes[1, 8191] = encode(OTHER[sequence[8191]])[0]
    bins = FAMILIES[family]().network().predict(one_hot(codes), verbose=0)
    ref, alt = bins.sum(axis=1, dtype=np.float64)
    table = pd.read_csv(small_models / f"{SMALL[family]}.tsv", sep="\t")
    columns = [[f"preds/{kind}/{track}" for track in range(len(ref))] for kind in ("ref", "diff")]
    scores = [table[names].to_numpy()[0] for names in columns]
    np.testing.assert_allclose(scores[0], ref, rtol=1e-5)
    np.testing.assert_allclose(scores[1], alt - ref, rtol=1e-3, atol=2e-4)
    assert np.abs(alt - ref).max() > 2e-3


@pytest.mark.legacy
def test_kipoi_veff2_finds_what_it_asks_of_a_model_of_the_group(small_models):
    """By a source and a name in it, as it does."""
    import kipoi

    source = kipoi.sources.LocalSource(str(small_models.parent))
    for family, name in SMALL.items():
        full_name = f"{small_models.name}/{GROUP}/{name}/variant_centered"
        loader = source.get_model_descr(full_name).default_dataloader
        assert loader.defined_as == "kipoiseq.dataloaders.SeqIntervalDl"
        assert loader.default_args["auto_resize_len"] == 16_384
        model = kipoi.get_model(full_name, source=source)
        sequences, expected = golden_values(family)
        windows = one_hot(np.stack([encode(sequence) for sequence in sequences]))
        np.testing.assert_allclose(model.predict_on_batch(windows), expected, **CLOSE)


def test_a_wrong_checksum_a_truncated_and_a_missing_file(small_models, tmp_path):
    import kipoi

    path = tmp_path / "basenji"
    shutil.copytree(small_models, path, ignore=shutil.ignore_patterns("downloaded"))
    model = str(path / GROUP / "human_2018")
    downloaded = path / GROUP / "downloaded"
    template = path / GROUP / "model-template.yaml"

    text = template.read_text()
    wrong = re.sub(r"(data-00000-of-00001\n +md5: ).*", r"\g<1>" + "f" * 32, text)
    template.write_text(wrong)
    with pytest.raises(InputError, match=r"gave a file with the md5 \w+, not f{32}") as caught:
        kipoi.get_model(model, source="dir")
    data = downloaded / "human_2018" / "model.tf.data-00000-of-00001"
    assert str(data) in str(caught.value)
    assert [file.name for file in data.parent.iterdir()] == ["model.tf.index"]

    template.write_text(text)
    data.write_bytes(b"the first bytes")
    with pytest.raises(InputError, match=r"model.tf.data-00000-of-00001 has the md5 \w+, not"):
        kipoi.get_model(model, source="dir")

    with pytest.raises(InputError, match=r"model_human.h5 is missing: get https://") as caught:
        kipoi.get_model(str(path / GROUP / "basenji2_human"), source="dir")
    assert str(downloaded / "basenji2_human" / "model_human.h5") in str(caught.value)


# ---- the published size ----


@pytest.fixture(scope="module")
def full(tmp_path_factory, commands):
    """The Kipoi files as they are, beside a checkpoint of 15.2 million random weights.

    Also the network that the weights come from, and the commands, already started.
    """
    path = tmp_path_factory.mktemp("full") / "basenji"
    copy_kipoi_files(path)
    network = randomised(build_network(read_params(ROOT / GROUP / "params_2018.txt")))
    variables = checkpoint_variables(network)
    serve(path / GROUP, write_checkpoint(path / "zenodo" / "model.tf", variables))
    # The example's chromosomes are shorter than a window: what lies beyond them is unknown.
    with pysam.VariantFile(str(path / "examples/data" / "variants.vcf.gz")) as variants:
        record = next(record for record in variants if record.pos == 33_001)
        (path / "one.vcf").write_text(f"{variants.header}{record}")
    pysam.tabix_index(str(path / "one.vcf"), preset="vcf", force=True)
    (path / "two.bed").write_text("chrA\t10\t20\nchrA\t40000\t40001\n")
    genome = str(path / "examples/data" / "genome.fa")
    files = {"intervals_file": str(path / "two.bed"), "fasta_file": genome}
    futures = commands.start(
        {
            "predict": f"kipoi predict {GROUP}/human_2018 --source=dir -o two.h5 --batch_size 2 "
            f"--dataloader_args '{json.dumps(files)}'",
            "veff": f"{VEFF} score_variants {GROUP}/human_2018/variant_effects --source=dir "
            f"-i one.vcf.gz -o one.out.vcf -e one.tsv -s diff ref --batch_size 1 "
            f"--dataloader_args '{json.dumps({'fasta_file': genome})}'",
        },
        path,
    )
    test = {"test": "kipoi test human_2018 --source=dir --batch_size 1"}
    futures |= commands.start(test, path / GROUP)
    yield path, network, futures
    for future in futures.values():
        future.result()  # they work in the folder that goes


@pytest.mark.slow
def test_full_size_batches_of_any_size(full, tmp_path):
    import kipoi

    path, network, futures = full
    for future in futures.values():
        succeeded(future)  # side by side they would need more memory than a small machine has
    model = kipoi.get_model(str(path / GROUP / "human_2018"), source="dir")
    windows = np.stack([batch["inputs"] for batch in model.default_dataloader.init_example()])
    assert windows.shape == (7, 131_072, 4)
    whole = model.predict_on_batch(windows)
    assert whole.shape == (7, 960, 4229)
    close = {"rtol": 1e-4, "atol": 1e-4}  # other sizes sum in other orders; the mean is about 2
    for size in (1, 2):
        np.testing.assert_allclose(model.predict_on_batch(windows[:size]), whole[:size], **close)
    np.testing.assert_allclose(network.predict_on_batch(windows[:1]), whole[:1], **close)


@pytest.mark.slow
def test_full_size_through_the_programs(full):
    path, _, futures = full
    assert "WARNING" not in succeeded(futures["test"])
    succeeded(futures["predict"])
    with h5py.File(path / "two.h5") as file:
        assert file["preds"].shape == (2, 960, 4229)
        assert np.isfinite(file["preds"][()]).all()
    succeeded(futures["veff"])
    scores = pd.read_csv(path / "one.tsv", sep="\t")
    assert scores["variant_pos"].tolist() == [33_001]
    columns = [[f"preds/{score}/{track}" for track in range(4229)] for score in ("ref", "diff")]
    reference, difference = (scores[names].to_numpy()[0] for names in columns)
    assert (reference > 0).all()
    assert np.abs(difference).max() > 1e-3
