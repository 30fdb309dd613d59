"""Time of the ranking and the page of a locus, its size, and how long a browser takes to open it.

    python benchmarks/speed/locus.py --variants 200 --explain 10 --out build/locus_speed.json

The network of 2018 with random weights, one strand, ten tracks; single-base variants in a row of
20 kb of a random genome of 5 windows, and six genes. Ranking and page are made as `basenji rank`
and `basenji locus --ranking` make them, TensorFlow's start and compilation counted. The page is
opened in a headless Chromium without a network, from the request to Bokeh's last drawing. Bars: 5
minutes for 200 variants; below 10 MB and 2 s for 500.

Most of a ranking's time goes into random variants, which lie apart from each other. They are
computed once for a model: `--background ranking/background.parquet` takes them from then on. With
`--again` the time of such a ranking is told, too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from measure_network import peak_bytes
from random_model import save_random

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.sequence import letters
from basenji_kipoi.locus import MechanismOptions, PageOptions, RankOptions, locus_file, rank_file
from basenji_kipoi.locus.ranking.files import RankInputs
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.networks.presets.presets import read_preset

TRACKS, SPREAD = 10, 20_000


def main() -> None:
    """Make the page, open it, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="basenji2018")
    parser.add_argument("--variants", type=int, default=200)
    parser.add_argument("--explain", type=int, default=10)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--random", type=int, default=1000)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    architecture = read_preset(arguments.preset)
    architecture = architecture.with_heads({next(iter(architecture.heads)): TRACKS})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = save_random(folder / "model", build_network(architecture), architecture)
        write_inputs(folder, 5 * architecture.window, arguments.variants)
        genes, table = folder / "genes.gtf", folder / "locus.tsv"
        inputs = RankInputs((bundle.path,), folder / "genome.fa", table, genes)
        seconds = []
        rankings = [("ranking", None), ("again", folder / "ranking/background.parquet")]
        for name, background in rankings[: 1 + arguments.again]:
            began = time.perf_counter()
            rank_file(
                replace(inputs, background=background),
                folder / name,
                RankOptions(random=arguments.random, weight=1.0, both_strands=False),
                command="basenji rank",
                quiet=True,
                note=lambda _: None,
            )
            seconds.append(time.perf_counter() - began)
        asked = MechanismOptions(genes=genes, draws=arguments.draws, both_strands=False)
        options = PageOptions(table, asked, explain=arguments.explain, ranking=folder / "ranking")
        page = folder / "locus.html"
        began = time.perf_counter()
        locus_file(bundle.path, folder / "genome.fa", page, options, progress=False)
        found = {
            "preset": arguments.preset,
            "variants": arguments.variants,
            "explained": arguments.explain,
            "draws": arguments.draws,
            "random": arguments.random,
            "rank_s": seconds[0],
            "rank_with_background_s": seconds[1] if arguments.again else None,
            "page_s": time.perf_counter() - began,
            "page_bytes": page.stat().st_size,
            "opens_s": opening_seconds(page),
            "peak_bytes": peak_bytes(),
        }
    with atomic_path(arguments.out, overwrite=True) as path:
        path.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


def write_inputs(folder: Path, length: int, variants: int) -> None:
    """Write a random genome, genes around its middle, and a table of variants there."""
    codes = np.random.default_rng(0).integers(0, 4, length).astype(np.uint8)
    text = "".join(letters(codes).tolist())
    (folder / "genome.fa").write_text(f">chr1\n{text}\n")
    middle = length // 2
    genes = [middle + SPREAD * (n - 3) // 4 for n in range(6)]
    (folder / "genes.gtf").write_text(
        "".join(
            f'chr1\tx\ttranscript\t{start}\t{start + 1500}\t.\t{"+-"[n % 2]}\t.\tgene_id "G{n}";\n'
            for n, start in enumerate(genes)
        )
    )
    rows = ["chrom\tpos\tref\talt\tpip\n"]
    for n in range(variants):
        place = middle - SPREAD // 2 + n * SPREAD // variants
        base = text[place]
        rows.append(f"chr1\t{place + 1}\t{base}\t{'CGTA'['ACGT'.index(base)]}\t{0.5 ** (n + 1)}\n")
    (folder / "locus.tsv").write_text("".join(rows))


def opening_seconds(page: Path) -> float | None:
    """Open a page in a headless Chromium until all is drawn; None where there is none."""
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    if not (driver and chromium):
        return None
    from selenium import webdriver  # noqa: PLC0415 - only where there is a browser

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        began = time.perf_counter()
        chrome.get(page.as_uri())
        while not chrome.execute_script(
            "return Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle"
        ):
            time.sleep(0.02)
        return time.perf_counter() - began
    finally:
        chrome.quit()


if __name__ == "__main__":
    main()
