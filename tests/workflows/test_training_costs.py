"""What a dry run of a training tells of runs, time and bytes."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MACHINE = {"processor": "a computer", "cores": 1}


def cost(command, model=None, options=None, **by):
    usual = {"start": 10.0, "part": 0.0, "each": 0.0, "written": 0.0, "empty": 1e6}
    usual |= {"beside": 0.0, "memory": 1e9}
    return {
        "command": command, "model": model, "options": options or {}, "of": f"{model} of 3",
        "epochs": 50, "cost": usual | by, "machine": MACHINE,
    }  # fmt: skip


COSTS = [
    cost("coverage", options={"assay": "cage", "form": ".bam"}, part=1e-3),
    cost("data", each=1e-6, written=0.5),
    cost("check"),
    cost("fit", "mine.json", each=1e-6, part=1e-7),
    cost("evaluate", "mine.json", each=1e-6, part=2.0),
    cost("export", "mine.json", written=1e6),
]


@pytest.fixture
def lines(modules, tmp_path, monkeypatch):
    """Tell the cost of a changed configuration of a genome of 8 Mb, in two jobs at a time."""
    monkeypatch.chdir(tmp_path)
    Path("genome.fa").touch()
    Path("genome.fa.fai").write_text("".join(f"c{n}\t1000000\t0\t60\t61\n" for n in range(9)))
    Path("reads.bam").write_bytes(bytes(2000))
    Path("samples.tsv").write_text("sample\tassay\treads\na\tcage\treads.bam,reads.bam\n")
    Path("mine.json").write_text('{"network": "small", "settings": {}}')
    Path("costs.json").write_text(json.dumps(COSTS))
    monkeypatch.setattr(modules.costs, "_MEASURED", tmp_path / "none.json")
    Path("none.json").write_text("[]")

    def told(**change):
        given = {
            "name": "x", "assembly": "y", "fasta": "genome.fa", "samples": "samples.tsv",
            "store": {"folds": 8, "exclude": "c8"}, "recipes": ["mine.json"], "seeds": [0, 1, 2],
            "costs": "costs.json",
        }  # fmt: skip
        configuration = modules.configuration
        settings = configuration.checked(configuration.TrainConfig, given | change)
        samples = modules.training_tables.read_samples("samples.tsv")
        return list(modules.training_costs.training_told(settings, samples, 2))

    return told


def test_folds_and_seeds_are_multiplied(lines):
    found = lines()
    assert found[:6] == [
        # 10 s and a millisecond for each of 4,000 bytes.
        "cost of coverage of cage (.bam): 1 job of 4 kB of reads: at most 14 s of one core; "
        "1.0 MB of output; 1.0 GB of memory a job",
        "cost of the store: 1 job of 2 tracks of 8.0 Mb: at most 26 s of one core; 9.0 MB of "
        "output; 1.0 GB of memory a job",
        "cost of its check: 1 job of 2 tracks of 8.0 Mb: at most 10 s of one core; 1.0 MB of "
        "output; 1.0 GB of memory a job",
        # 10 s, 50 epochs of 6 s, and .1 s of validation each.
        "cost of runs of mine: 24 jobs (8 of 8 folds, 3 seeds), 50 epochs of 6.0 Mb trained on "
        "and 1.0 Mb validated: at most 5.2 minutes of one core a job, 2.1 h in all; 24.0 MB of "
        "output; 1.0 GB of memory a job",
        # 10 s, and 2 and 1 s a network.
        "cost of evaluations of mine: 8 jobs of 3 networks on 1.0 Mb: at most 19 s of one core a "
        "job, 2.5 minutes in all; 8.0 MB of output; 1.0 GB of memory a job",
        "cost of bundles of mine: 8 jobs of 3 networks: at most 10 s of one core a job, 1.3 "
        "minutes in all; 32.0 MB of output; 1.0 GB of memory a job",
    ]
    assert found[6].startswith("cost: 43 jobs: at most 2.2 h of one core in all, and 75.0 MB of ")
    # 12 runs one after the other, four evaluations and exports; 50 s before.
    seconds = 14 + 26 + 10 + 12 * 315 + 4 * 19 + 4 * 10
    assert f"2 jobs at a time, each on a core of its own, take {seconds / 3600:.1f} h" in found[7]
    assert found[8].startswith(
        "cost: as measured with None of 3, mine.json of 3 on a core of a computer (1 core): yours"
    )


def test_what_is_held_out_is_counted(lines):
    held_out = {"test": "c0,c1", "validation": "c2", "exclude": "c[78]"}
    found = lines(store=held_out, seeds=[7], evaluate={"both_strands": True})
    assert "1 job (1 held-out part, 1 seed), 50 epochs of 4.0 Mb trained on and 1.0 Mb" in found[3]
    assert "1 job of 1 network on 2.0 Mb, both strands: at most 16 s of one core; " in found[4]
    # Nothing but the epochs of a run has changed.
    Path("mine.json").write_text('{"network": "small", "settings": {"epochs": 1}}')
    assert "1 epoch of 4.0 Mb trained on" in lines(store=held_out)[3]


def test_what_was_not_measured_is_told_so(lines):
    found = lines(recipes=["mine.json", "small"])
    assert found[6] == (
        "cost of runs of small: 24 jobs (8 of 8 folds, 3 seeds), all epochs of 6.0 Mb trained on "
        "and 1.0 Mb validated: not known"
    )
    assert "of output, without runs of small, evaluations of small, bundles of small;" in found[9]
    assert found[12] == (
        "cost: benchmarks/speed/cost_train.py runs --recipe small measures it, and costs: FILE "
        "names what it wrote"
    )
    found = lines(hosts=2, store={"test": "c0", "validation": "c1"})
    assert found[3].endswith(": not known of several hosts")
    assert "of output, without runs of mine; runs whose validation" in found[6]
    Path("reads.bed").write_bytes(bytes(2000))
    Path("samples.tsv").write_text("sample\tassay\treads\na\tcage\treads.bam,reads.bed\n")
    assert lines()[0] == (
        "cost of coverage of cage (.bam,.bed): 1 job of 4 kB of reads: not known of such files"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{nope", "is no recipe: expected JSON with a network and settings"),
        ("[]", "is no recipe"),
        ("[" * 100_000, "is no recipe"),
        ('{"network": "small"}', "is no recipe"),
        ('{"settings": {"epochs": -5}}', "a whole number from 1 to 1,000,000, and found -5"),
        ('{"settings": {"epochs": 1e300}}', "found 1e"),
        ('{"settings": {"epochs": Infinity}}', "found Infinity"),
        ('{"settings": {"epochs": []}}', r"found \[\]"),
    ],
)  # fmt: skip
def test_files_that_are_no_recipes_are_told(lines, text, line):
    Path("mine.json").write_text(text)
    with pytest.raises(
        SystemExit, match=rf"^error: the configuration: recipes: mine.json.* ?{line}"
    ):
        lines()


def test_a_recipe_without_epochs_that_are_known_has_no_cost(lines):
    Path("costs.json").write_text(
        json.dumps([{name: each[name] for name in each if name != "epochs"} for each in COSTS])
    )
    assert "all epochs of 6.0 Mb trained on and 1.0 Mb validated: not known" in lines()[3]


@pytest.mark.parametrize(
    ("store", "line"),
    [
        ({"test": "chr0", "validation": "c1"}, r"store.test: genome.fa has no chromosome 'chr0'"),
        ({"test": "c1", "validation": "c1"}, "store.test: c1 is there twice, or excluded"),
        ({"test": "c1", "validation": "c2", "exclude": "c2"}, "store.validation: c2 is there"),
        ({"folds": 3, "exclude": "x*"}, "store.exclude: genome.fa has no chromosome x"),
        ({"folds": 3, "exclude": "c*"}, "store.exclude: it leaves nothing of genome.fa"),
        (
            {"test": "c1", "validation": "c2", "exclude": "c[03-8]"},
            "store: nothing of genome.fa is left to train on",
        ),
    ],
)  # fmt: skip
def test_chromosomes_that_are_not_there_are_told(lines, store, line):
    with pytest.raises(SystemExit, match=f"^error: the configuration: {line}"):
        lines(store=store)


def test_recipes_and_epochs_are_those_of_the_command(modules):
    folder = ROOT / "training/basenji_training/fit/recipes"
    names = sorted(path.stem for path in folder.glob("*.json"))
    assert names == sorted(modules.configuration.RECIPES)
    settings = (ROOT / "training/basenji_training/optimisation/settings.py").read_text()
    assert f"_MOST, _LONGEST = {modules.training_costs._MOST_EPOCHS:_}, " in settings


def test_tracks_are_those_of_the_recipes(modules):
    text = (ROOT / "training/basenji_training/reads/settings.py").read_text()
    (recipes,) = [
        each.value
        for each in ast.parse(text).body
        if isinstance(each, ast.AnnAssign) and each.target.id == "RECIPES"
    ]
    tracks = {
        key.value: 1 + any(word.arg == "stranded" for word in value.keywords)
        for key, value in zip(recipes.keys, recipes.values, strict=True)
    }
    assert tracks == modules.training_tables.TRACKS
