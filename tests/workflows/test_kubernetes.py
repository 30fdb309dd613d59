"""Workflows by the profile of Kubernetes, on an emulation of its API; no cluster is tried."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pybigtools
import pysam
import pytest
from score_command import files, score, snvs
from snakemake_command import needs_snakemake

__all__ = ["files"]

TINY = """
rule all:
    input:
        "b.txt",


rule a:
    output:
        "a.txt",
    log:
        "a.log",
    shell:
        "pwd > {output}; echo a reason > {log}; test {resources.attempt} = 2"


rule b:
    input:
        "a.txt",
    output:
        "b.txt",
    shell:
        "test ! -e a.txt; cat {input} - < /dev/null > {output}; echo $HOME >> {output}"
"""


@needs_snakemake
def test_a_job_that_failed_is_tried_again(clouds, tmp_path):
    work = tmp_path / "work"
    clouds.trials.lay_out(work)
    (work / "workflows" / "tiny.smk").write_text(TINY)
    (work / "tiny.yaml").write_text("a: 1\n")
    with (
        clouds.trials.bucket(tmp_path) as variables,
        clouds.kubernetes_api.cluster(tmp_path / "k8s", clouds.kubernetes_trial.IMAGE) as made,
    ):
        more = ("--set-resources", "a:attempt=attempt")
        running = clouds.kubernetes_trial.begin(work, made, variables, "tiny", *more)
        assert running.wait() == 0, (work / "snakemake.log").read_text()
        first, second = clouds.trials.files_of(variables).cat("results/run/b.txt").decode().split()
        assert first != second
        assert Path(first).parent == Path(second).parent == tmp_path / "k8s" / "pods"
        assert not Path(first).exists()
        assert b"a reason" in clouds.trials.files_of(variables).cat("results/run/a.log")
    assert len(made.pods) == 3
    assert made.secrets == {}
    limits = made.pods[1].job["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits == {"cpu": "1000m", "memory": "4000M", "ephemeral-storage": "10000M"}


@pytest.mark.slow
@needs_snakemake
def test_what_is_in_the_bucket_is_not_done_again(clouds, tmp_path):
    work = tmp_path / "work"
    clouds.trials.lay_out(work)
    tiny = TINY.replace("test ! -e", "test -e go.txt || sleep 600; test ! -e")
    (work / "workflows" / "tiny.smk").write_text(tiny)
    (work / "tiny.yaml").write_text("a: 1\n")
    with (
        clouds.trials.bucket(tmp_path) as variables,
        clouds.kubernetes_api.cluster(tmp_path / "k8s", clouds.kubernetes_trial.IMAGE) as made,
    ):
        more = ("--set-resources", "a:attempt=2")
        first = clouds.kubernetes_trial.begin(work, made, variables, "tiny", *more)
        clouds.trials.wait_for("the second job", lambda: len(made.pods) == 2)
        first.kill()
        first.wait()
        assert made.pods[1].process.poll() is None
        assert clouds.kubernetes_trial.begin(work, made, variables, "tiny", "--unlock").wait() == 0
        again = clouds.kubernetes_trial.begin(work, made, variables, "tiny", *more)
        clouds.trials.wait_for("it again", lambda: len(made.pods) == 3)
        for pod in made.pods[1:]:
            (pod.folder / "go.txt").touch()
        assert again.wait() == 0, (work / "snakemake.log").read_text()
    assert len(made.pods) == 3
    # What nobody deletes who was killed.
    assert len(made.secrets) == 1
    assert [pod.is_deleted for pod in made.pods] == [True, False, True]


@pytest.mark.slow
@needs_snakemake
def test_no_output_of_an_earlier_configuration_is_taken_for_the_new_one(clouds, tmp_path):
    work, fails = tmp_path / "work", tmp_path / "fails"
    clouds.trials.lay_out(work)
    (work / "workflows" / "tiny.smk").write_text(
        f"""
rule all:
    input:
        "a.txt",


rule a:
    output:
        "a.txt",
    params:
        given=config["given"],
    shell:
        "test ! -e {fails} && echo {{params.given}} > {{output}}"
"""
    )
    with (
        clouds.trials.bucket(tmp_path) as variables,
        clouds.kubernetes_api.cluster(tmp_path / "k8s", clouds.kubernetes_trial.IMAGE) as made,
    ):

        def run(given):
            (work / "tiny.yaml").write_text(f"given: {given}\n")
            begun = clouds.kubernetes_trial.begin(work, made, variables, "tiny", "--retries", "0")
            ended, there = begun.wait(), clouds.trials.files_of(variables)
            found = there.exists("results/run/a.txt") and there.cat("results/run/a.txt")
            return ended, len(made.pods), found

        assert run("old") == (0, 1, b"old\n")
        fails.touch()
        assert run("new")[1:] == (2, False)
        fails.unlink()
        assert run("new") == (0, 3, b"new\n")
        assert run("new") == (0, 3, b"new\n")


@pytest.fixture
def elsewhere(clouds, tmp_path, files):
    """Let genome, genes and model be in a bucket, and jobs be run."""
    with (
        clouds.trials.bucket(tmp_path) as variables,
        clouds.kubernetes_api.cluster(tmp_path / "k8s", clouds.kubernetes_trial.IMAGE) as made,
    ):
        there = clouds.trials.files_of(variables)
        there.mkdir("data")
        there.put(f"{files['model']}/", "data/model/", recursive=True)
        for name in ("fasta", "gtf"):
            there.put(str(files[name]), f"data/{name}")
        clouds.trials.lay_out(tmp_path / "work")
        yield made, variables, there


@pytest.mark.slow
@needs_snakemake
def test_scores_are_those_of_one_process(clouds, elsewhere, files, tmp_path):
    made, variables, there = elsewhere
    work = tmp_path / "work"
    unbroken = score(files, tmp_path, snvs(60), genes=files["gtf"], part_size=20)
    there.put(str(tmp_path / "in.vcf"), "data/in.vcf")
    (work / "score.yaml").write_text(
        "model: s3://data/model\nfasta: s3://data/fasta\nvariants: [s3://data/in.vcf]\n"
        "shards: 2\nvcf: true\noptions: {genes: s3://data/gtf, part_size: 20}\n"
    )
    assert clouds.kubernetes_trial.begin(work, made, variables, "score", "--dry-run").wait() == 0
    assert "rule shard" in (work / "snakemake.log").read_text()
    running = clouds.kubernetes_trial.begin(work, made, variables, "score")
    killed = clouds.kubernetes_trial.kill_one(running, made)
    assert running.wait() == 0, (work / "snakemake.log").read_text()
    # The plan, two shards, one of them twice, tables and VCF merged.
    assert len(made.pods) == 6
    assert made.pods[1:].index(killed) in (0, 1)
    clouds.kubernetes_trial.check_shared_nothing(made, tmp_path)
    there.get("results/run/scores/", str(tmp_path / "scores"), recursive=True)
    for name, expected in (
        ("in", unbroken),
        ("in.genes", pd.read_parquet(tmp_path / "x.genes.parquet")),
    ):
        pd.testing.assert_frame_equal(
            pd.read_parquet(tmp_path / "scores" / f"{name}.parquet"), expected
        )
    assert (tmp_path / "scores" / "in.genes.tsv.gz").exists()
    with pysam.VariantFile(str(tmp_path / "scores" / "in.vcf.gz")) as records:
        assert sum(1 for _ in records) == len(unbroken)
    assert clouds.kubernetes_trial.begin(work, made, variables, "score").wait() == 0
    assert "Nothing to be done" in (work / "snakemake.log").read_text()
    assert len(made.pods) == 6


@pytest.mark.slow
@needs_snakemake
def test_predictions_are_those_of_one_process(clouds, elsewhere, files, tmp_path):
    made, variables, there = elsewhere
    work, bed = tmp_path / "work", tmp_path / "in.bed"
    bed.write_text("chrI\t4000\t24000\nchrII\t0\t2000\n")
    there.put(str(bed), "data/in.bed")
    words = ["--model", files["model"], "--fasta", files["fasta"], "--bed", bed]
    words += ["--out", tmp_path / "one", "--quiet"]
    subprocess.run([sys.executable, "-m", "basenji_kipoi", "predict", *map(str, words)], check=True)
    (work / "predict.yaml").write_text(
        "model: s3://data/model\nfasta: s3://data/fasta\nbed: s3://data/in.bed\nout: tracks\n"
        "shards: 2\n"
    )
    running = clouds.kubernetes_trial.begin(work, made, variables, "predict")
    assert running.wait() == 0, (work / "snakemake.log").read_text()
    clouds.kubernetes_trial.check_shared_nothing(made, tmp_path)
    there.get("results/run/tracks/", str(tmp_path / "tracks"), recursive=True)
    names = [path.name for path in sorted((tmp_path / "one").glob("*.bw"))]
    assert names
    for name in names:
        one, other = (pybigtools.open(str(tmp_path / each / name)) for each in ("one", "tracks"))
        assert one.chroms() == other.chroms()
        for contig in one.chroms():
            np.testing.assert_array_equal(*(each.values(contig, fillna=0) for each in (one, other)))


@pytest.mark.slow
@needs_snakemake
def test_loci_are_ranked_and_have_pages(clouds, elsewhere, files, tmp_path):
    made, variables, there = elsewhere
    work = tmp_path / "work"
    rows = [
        f"{each.split()[0]}\t{each.split()[1]}\t{each.split()[3]}\t{each.split()[4]}\t0.4\t{n}\n"
        for n, each in enumerate(snvs(3))
    ]
    there.pipe("data/loci.tsv", "".join(["chrom\tpos\tref\talt\tpip\tlocus\n", *rows]).encode())
    (work / "loci.yaml").write_text(
        "model: s3://data/model\nfasta: s3://data/fasta\ngenes: s3://data/gtf\n"
        "tables: [s3://data/loci.tsv]\nshards: 2\nrank: {weight: 0.5, random: 20}\n"
        "locus: {explain: 0}\n"
    )
    assert clouds.kubernetes_trial.begin(work, made, variables, "loci").wait() == 0, (
        work / "snakemake.log"
    ).read_text()
    assert len(made.pods) == 4
    clouds.kubernetes_trial.check_shared_nothing(made, tmp_path)
    assert b"posterior" in there.cat("results/run/ranked/loci/variants.tsv")
    index = there.cat("results/run/pages/loci/index.html").decode()
    for name in ("0", "1", "2"):
        assert f'href="{name}.html"' in index
        assert there.exists(f"results/run/pages/loci/{name}.html")


def test_the_emulator_refuses_what_kubernetes_would(clouds, tmp_path):
    def ask(method, path, body=None):
        server = json.loads(made.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        data = json.dumps(body).encode() if body else None
        try:
            with urllib.request.urlopen(
                urllib.request.Request(f"{server}{path}", data=data, method=method)
            ) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code if json.load(error)["kind"] == "Status" else None

    def job(name="a-job", **container):
        container = {
            "name": "c", "image": "i", "command": ["/bin/sh"], "args": ["-c", "exit 3"],
            "env": [], "resources": {"requests": {"memory": "4M"}}, **container,
        }  # fmt: skip
        spec = {"template": {"spec": {"containers": [container]}}}
        return {"metadata": {"name": name}, "spec": spec}

    jobs, pods = "/apis/batch/v1/namespaces/x/jobs", "/api/v1/namespaces/x/pods"
    with clouds.kubernetes_api.cluster(tmp_path / "k8s", {"PATH": "/usr/bin:/bin"}) as made:
        assert ask("GET", "/api/v1/nodes") == 404
        assert ask("GET", f"{jobs}/a-job/status") == 404
        assert ask("POST", jobs, job("A_job")) == 422
        assert ask("POST", jobs, job(resources={"requests": {"memory": "4 MB"}})) == 422
        secret = {"name": "E", "valueFrom": {"secretKeyRef": {"name": "none", "key": "e"}}}
        assert ask("POST", jobs, job(env=[secret])) == 404
        assert ask("POST", jobs, job()) == 200
        assert ask("POST", jobs, job()) == 422
        assert made.pods[0].process.wait() == 3
        assert ask("GET", f"{jobs}/a-job/status") == 200
        assert ask("GET", f"{pods}/a-job-pod/log") == 200
        assert ask("GET", f"{pods}/a-job-pod/log?previous=True") == 400
        assert ask("DELETE", f"{jobs}/a-job") == 200
        assert ask("GET", f"{pods}/a-job-pod/log") == 404
        assert not made.pods[0].folder.exists()
