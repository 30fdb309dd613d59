"""The model of cost: its arithmetic, and a simulated scheduler that loses nothing."""

from __future__ import annotations

import importlib.util
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_benchmarks import FOLDER, resources

__all__ = ["resources"]


@pytest.fixture(scope="module", autouse=True)
def folder_of_programs(resources):
    """Let programs find those beside them, as where they are started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield
    for name in ("cost", "job_costs"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def cost():
    return importlib.import_module("cost")


@pytest.fixture(scope="module")
def job_costs():
    return importlib.import_module("job_costs")


def test_a_line_through_the_smallest_and_the_largest_run(job_costs):
    runs = [job_costs.Run(n, 1, 12 + 0.125 * n, 0.0, n, 1000 + 64 * n) for n in (50, 1, 401)]
    found = job_costs.fitted(job_costs.chosen(runs))
    assert found == job_costs.Cost(12.0, 0.0, 0.125, 64.0, 0.0, 1000.0, 401)
    assert found.seconds(80) == 22.0


@given(
    start=st.floats(0, 30), part=st.floats(0, 9), each=st.floats(0.01, 2), more=st.integers(2, 50)
)
def test_what_a_part_takes_is_told_by_the_run_of_most_parts(job_costs, start, part, each, more):
    known = job_costs.Cost(start, part, each)
    runs = [
        job_costs.Run(size, parts, known.seconds(size, parts), 0.0, 0, 1000 + 64 * size + 8 * parts)
        for size, parts in ((1, 1), (500, 1), (200, 1), (500, more), (267, 2))
    ]
    found = job_costs.fitted(job_costs.chosen(runs))
    assert found.seconds(5000, 70) == pytest.approx(known.seconds(5000, 70), rel=1e-6, abs=1e-6)
    assert (found.written, found.beside) == pytest.approx((64, 8))
    assert runs[2] not in job_costs.chosen(runs)


def test_a_projection_has_all_alleles(cost, job_costs):
    found = cost.project(job_costs.Cost(12.0, 2.0, 0.1, 100.0), 1e6, 8, 0.0)
    parts = 1e6 / 1024
    assert found["processor_hours"] * 3600 == pytest.approx(
        parts * 2.0 + 1e6 * 0.1 + found["shards"] * 22.0
    )
    assert found["gigabytes"] == pytest.approx(0.1)


@given(
    shards=st.integers(1, 60), jobs=st.integers(1, 20), each=st.floats(1, 100),
    start=st.floats(0, 10),
)  # fmt: skip
def test_without_failures_shards_run_in_rounds(cost, shards, jobs, each, start):
    found = cost.schedule([each] * shards, jobs, start=start, part=1.0)
    assert found.wall == pytest.approx(math.ceil(shards / jobs) * (start + each))
    assert found.computed == pytest.approx(shards * (start + each))
    assert (found.attempts, found.done) == (shards, shards)


@given(
    shards=st.lists(st.floats(1, 100), min_size=1, max_size=40), jobs=st.integers(1, 20),
    failure=st.floats(0, 0.6), straggler=st.floats(0, 0.5), seed=st.integers(0, 99),
)  # fmt: skip
def test_with_failures_nothing_is_lost(cost, shards, jobs, failure, straggler, seed):
    found = cost.schedule(
        shards, jobs, start=2.0, part=5.0, failure=failure, straggler=straggler, seed=seed
    )
    assert found.done == len(shards)
    failures = found.attempts - found.done
    # A failure costs a start and a part at most.
    assert found.computed >= sum(shards) + 2.0 * found.done - 1e-6
    assert found.computed <= sum(shards) + 2.0 * found.attempts + 5.0 * failures + 1e-6
    assert found.wall <= 3 * found.computed + 1e-6
    assert found.wall >= found.computed / jobs - 1e-6


@pytest.fixture(scope="module")
def training_cost():
    spec = importlib.util.spec_from_file_location("training_cost", FOLDER / "training_cost.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_folds_are_laid_out_over_devices(training_cost):
    # One after the other; two rounds of eight; one each, whatever more there are; four a fold.
    hours = [training_cost.hours_of(3.0, 10, 4, number) for number in (1, 8, 10, 19, 64)]
    assert hours == [30.0, 6.0, 3.0, 3.0, 0.75]


def test_the_arithmetic_of_the_network_of_2018_is_known(training_cost):
    from basenji_kipoi.models.networks.presets.presets import read_preset

    assert training_cost.operations_of(read_preset("basenji2018")) == pytest.approx(244e9, rel=1e-3)


def test_operations_of_alleles_are_those_of_the_layers(small_bundle, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    from allele_operations import counted, operations
    from training_cost import operations_of

    from basenji_kipoi.models.incremental.steps import lower

    architecture = small_bundle.architecture
    lowered = lower(architecture, small_bundle.network(both_strands=False))
    found = counted(lowered)
    # Keras' layers know nothing of the steps that alleles are computed by.
    assert found["reference"] == operations_of(architecture)
    # Changes everywhere are a whole pass; one of a single base is less.
    whole, bins, _ = operations(lowered.steps, lowered.weights, architecture.window)
    window = architecture.window
    everywhere, _, reached = operations(lowered.steps, lowered.weights, window, (0, window))
    assert everywhere == whole
    assert reached[0] <= 0
    assert reached[1] >= bins
    assert 0 < found["substitution"] < found["reference"] < found["insertion or deletion"]


@pytest.mark.parametrize("text", ["x", "1/2", "1/2/3/4", "1/2/-3", "1/2/3,", "1/2/3.5"])
def test_sizes_that_are_none_are_told(job_costs, text):
    names = ("loci", "variants", "explained")
    assert job_costs.sizes_of("1/20/0,3/30/4", names) == [(1, 20, 0), (3, 30, 4)]
    with pytest.raises(SystemExit, match=r"^error: --sizes: '.*': expected numbers, loci/variant"):
        job_costs.sizes_of(text, names)


def test_runs_that_are_alike_tell_no_cost(job_costs):
    run = job_costs.Run(20, 1, 3.0, 3.0, 10, 100)
    with pytest.raises(SystemExit, match=r"^error: --sizes: these runs are too much alike"):
        job_costs.fitted(job_costs.chosen([run, run]))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{", "is not what cost.py and the others write"),
        ("3", "is not what cost.py and the others write"),
        ('{"command": "rank"}', "is not what cost.py and the others write"),
    ],
)
def test_files_that_hold_no_costs_are_not_kept(resources, tmp_path, content, expected):
    spec = importlib.util.spec_from_file_location("keep_costs", FOLDER / "keep_costs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if content is not None:
        (tmp_path / "x.json").write_text(content)
    with pytest.raises(SystemExit, match=f"^error: .*x.json {expected}$"):
        module.main([tmp_path / "x.json"], tmp_path / "kept.json")
    assert not (tmp_path / "kept.json").exists()


def test_costs_of_the_same_are_replaced(resources):
    spec = importlib.util.spec_from_file_location("keep_costs", FOLDER / "keep_costs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def cost(command, start):
        machine = {"processor": "x", "cores": 2, "memory_bytes": 3}
        return {
            "command": command, "model": "a", "options": {"genes": True}, "of": "a", "runs": [1],
            "cost": {"start": start}, "machine": machine,
        }  # fmt: skip

    found = module.kept([cost("rank", 1.0)], [cost("fit", 2.0), cost("rank", 3.00004)])
    assert [(each["command"], each["cost"]["start"]) for each in found] == [
        ("rank", 3.0),
        ("fit", 2.0),
    ]
    assert found[0]["machine"] == {"processor": "x", "cores": 2}
    assert "runs" not in found[0]


def test_the_first_alleles_become_loci(cost, tmp_path):
    spec = importlib.util.spec_from_file_location("cost_loci", FOLDER / "cost_loci.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vcf, table = tmp_path / "a.vcf", tmp_path / "loci.tsv"
    header = (
        "##fileformat=VCFv4.2\n##contig=<ID=c>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    rows = "c\t3\t.\tA\tC,G\t.\t.\t.\nc\t5\t.\tA\tC\t.\t.\t.\nc\t7\t.\tA\tT\t.\t.\t.\n"
    vcf.write_text(header + rows * 2)
    module.write_table(vcf, module.Trial(loci=2, variants=2, explained=1), table)
    found = [line.split("\t") for line in table.read_text().splitlines()[1:]]
    assert [(row[1], row[3], row[5]) for row in found] == [
        ("3", "C", "locus0"), ("3", "G", "locus0"), ("5", "C", "locus1"), ("7", "T", "locus1")
    ]  # fmt: skip
    # With fewer, what was measured would be told of more.
    with pytest.raises(SystemExit, match=r"too few alleles: 8, and --sizes asks for 9"):
        module.write_table(vcf, module.Trial(loci=3, variants=3, explained=1), table)
