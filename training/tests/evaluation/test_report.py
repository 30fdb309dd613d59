"""The report is one file that a real browser draws without a network and without errors."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from known_truth import BIN, FOLDS, LENGTHS, random_sequences
from store_inputs import write_bigwig

from basenji_training.evaluation.annotations import read_annotations
from basenji_training.evaluation.evaluate import evaluate
from basenji_training.evaluation.report.page import write_report
from basenji_training.evaluation.trained_model import read_model

#: Twenty genes, of 500 bp each, on both strands in turn.
GENES = [(f"g{n:02}", "+-"[n % 2], 700 * n + 300, 700 * n + 800) for n in range(20)]


@pytest.fixture(scope="module")
def page(trained, tmp_path_factory):
    """Write the report of a small run with genes, replicates and a contrast."""
    folder = tmp_path_factory.mktemp("report")
    lines = [
        f'chr4\tx\ttranscript\t{start + 1}\t{end}\t.\t{strand}\t.\tgene_id "{name}";\n'
        for name, strand, start, end in GENES
    ]
    (folder / "genes.gtf").write_text("".join(lines))
    generator = np.random.default_rng(0)
    codes = random_sequences()
    for name in ("1", "2"):
        counts = {c: np.isin(codes[c], [1, 2]) * generator.poisson(2, LENGTHS[c]) for c in codes}
        write_bigwig(folder / f"{name}.bw", counts)
    table = "identifier\treplicate\tfile\n" + "".join(f"gc\t{n}\t{n}.bw\n" for n in "12")
    (folder / "replicates.tsv").write_text(table)
    model = read_model([trained.run.path])
    annotations = read_annotations(
        trained.store,
        model.targets,
        split="test",
        genes=folder / "genes.gtf",
        flank=0,
        contrasts=["gc,a_plus"],
        replicates=folder / "replicates.tsv",
    )
    evaluation = evaluate(
        model,
        trained.store,
        split="test",
        resolution=128,
        annotations=annotations,
        command="how <it> was",
    )
    write_report(evaluation, folder / "x.html")
    return folder / "x.html", evaluation


def test_the_page_needs_nothing_else(page):
    text = page[0].read_text()
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?(https?:)?//", text)
    assert "how &lt;it&gt; was" in text
    # Bokeh's own code is 2 MB; the rest is the evaluation.
    assert page[0].stat().st_size < 3e6


def test_the_tables_have_the_figures(page):
    path, evaluation = page
    text = path.read_text()
    for group in evaluation.figures["groups"]:
        for name in ("pearson_log1p", "spearman", "auprc"):
            shown = "-" if group[name] is None else f"{group[name]:.3f}"
            assert f"<td>{shown}</td>" in text
    (replicates,) = evaluation.figures["replicates"]
    assert f"<td>{replicates['replicate_replicate_pearson_log1p']:.3f}</td>" in text


def test_loci_hold_the_chromosome(page, trained):
    _, evaluation = page
    (locus,) = evaluation.loci
    assert (locus.chromosome, locus.start) == ("chr4", 0)
    stored = trained.store.coverage("chr4", 0, LENGTHS["chr4"] // BIN)
    whole = stored[: len(stored) // 4 * 4].reshape(-1, 4, stored.shape[1]).sum(axis=1)
    np.testing.assert_array_equal(locus.observed[: len(whole)], whole)
    assert FOLDS["test"] == ["chr4"]


@pytest.fixture(scope="module")
def browser():
    """Start a headless Chromium that cannot reach any network."""
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    if not (driver and chromium):
        pytest.skip("no chromium and chromedriver: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=1280,1000",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


@pytest.fixture(scope="module")
def opened(browser, page):
    """Open the page and wait until everything is drawn."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(page[0].as_uri())
    WebDriverWait(browser, 120).until(
        lambda b: b.execute_script(
            "return Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle"
        )
    )
    return browser


#: Says of each visible canvas of the page whether anything is drawn on it. Bokeh draws in shadow
#: roots, which a selector does not enter.
_CANVASES = """
    const found = []
    const look = (root) => {
        for (const element of root.querySelectorAll("*")) {
            if (element.shadowRoot) look(element.shadowRoot)
            if (element.tagName == "CANVAS" && element.width && element.offsetParent !== null) {
                const context = element.getContext("2d")
                if (!context) continue
                const data = context.getImageData(0, 0, element.width, element.height).data
                found.push(data.some((value) => value != 0))
            }
        }
    }
    look(document)
    return found
"""


def test_no_errors_in_the_console(opened):
    severe = [entry for entry in opened.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []


def test_everything_is_drawn(opened):
    drawn = opened.execute_script(_CANVASES)
    # Intervals, genes, three tracks with values, two of one track, three of replicates, one of
    # genes, one of ratios; each on one canvas or more.
    assert sum(drawn) >= 12


def test_the_text_of_the_page_has_the_figures(opened, page):
    text = opened.find_element("css selector", "body").text
    for word in ("Evaluation on chr4", "Replicates", "gc / a", "letter", "r, log"):
        assert word in text
    gene = page[1].figures["genes"]["measurements"][0]
    assert f"{gene['pearson']:.3f}" in text


def test_the_locus_view_moves_and_changes_its_tracks(opened):
    from selenium.webdriver.support.ui import WebDriverWait

    models = """
        const models = [...Bokeh.documents[0]._all_models.values()]
        const choice = models.find((m) => m.type == "MultiChoice")
        const search = models.find((m) => m.type == "AutocompleteInput")
        const range = models.find((m) => m.type == "Range1d" && m.min_interval)
        const tracks = models.filter((m) => m.type == "Figure" && m.window_axis == "x")
    """

    def state(browser):
        found = "return [tracks.map((m) => m.visible), range.start, range.end]"
        return browser.execute_script(models + found)

    # The fourth track has no values; the whole chromosome fits into the first view.
    shown, start, end = state(opened)
    assert shown == [True, True, True, False]
    assert start == 0
    assert end >= LENGTHS["chr4"]
    name, *_, last = GENES[15]
    opened.execute_script(models + f'choice.value = ["3"]; search.value = "{name}"')
    # A gene on the minus strand starts at its last base; 10 kb around it, within the chromosome.
    expected = [[False, False, False, True], last - 1 - 10_000, end]
    WebDriverWait(opened, 30).until(lambda browser: state(browser) == expected)


def test_an_existing_page_is_kept(page, tmp_path):
    from basenji_kipoi.base.errors import InputError

    out = Path(tmp_path / "x.html")
    out.write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_report(page[1], out)
    assert out.read_text() == "mine"
