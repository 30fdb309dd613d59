"""A page says what is known of a locus, and a real browser shows it without a network."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from bokeh.models import ColumnDataSource
from page_inputs import locus_of, scored

import basenji_kipoi as bk
from basenji_kipoi.locus.linkage import LinkageMatrix
from basenji_kipoi.locus.mechanisms.scored import Place
from basenji_kipoi.locus.mechanisms.sentences import sentence_of
from basenji_kipoi.locus.page.content import content_of
from basenji_kipoi.locus.page.summary import summary_of
from basenji_kipoi.locus.page.view import locus_drawing, shown_range
from basenji_kipoi.locus.page.writing import locus_page
from basenji_kipoi.locus.variants import LocusVariant


def linkage_of(number=12):
    keys = [("chr1", 10_000 + 37 * n, "A", "G") for n in range(number)]
    apart = np.abs(np.subtract.outer(np.arange(number), np.arange(number)))
    return LinkageMatrix("made up", keys, np.exp(-apart / 4))


@pytest.fixture(scope="module")
def locus():
    return locus_of(linkage=linkage_of())


@pytest.fixture(scope="module")
def page(locus, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "x.html"
    path.write_text(locus_page(locus, model="made up", command="basenji locus <x>"))
    return path


def test_the_summary_says_which_gene_which_tracks_how_and_how_sure(locus):
    text = " ".join(summary_of(locus))
    assert text.startswith("rs0 comes first of 13 variants for height <b>, by PIP")
    for said in ("(0.5)", "lowers access", "takes a site of AP1", "shuffling e1"):
        assert said in text
    assert "one, whose start is predicted to change by -56 %, which agrees with" in text
    # Halves, quarters and so on: 1 - 2^-5 is the first to reach 95 % of 1 - 2^-12.
    assert "5 variants hold 95 % of the probability; rs1 comes second (0.25)" in text
    first = replace(locus.variants[0], known=replace(locus.variants[0].known, beta=0.5))
    against = replace(locus, variants=(first, *locus.variants[1:]))
    assert "which is against the measured sign (+0.5 with G)" in " ".join(summary_of(against))


@pytest.mark.parametrize(
    ("letters", "shown"),
    [("ACGTACGTACGTACGTACGT", "ACGTACGTACGTACGTACGT"), ("CA" * 600, "CACACACACACA… (1,200 bp)")],
)
def test_a_long_allele_is_shown_whole_or_said_to_be_cut(locus, letters, shown):
    first = locus.variants[0]
    changed = replace(
        first,
        known=replace(first.known, alt=letters),
        mechanism=first.mechanism.model_copy(update={"alt": letters}),
    )
    longer = replace(locus, variants=(changed, *locus.variants[1:]))
    text = " ".join(summary_of(longer))
    assert f"the measured sign (-0.5 with {shown})" in text
    assert f" A>{shown} " in sentence_of(changed.mechanism)
    page = html.unescape(locus_page(longer, model="made up", command="basenji locus"))
    assert f">A>{shown}<" in page


def test_variants_are_in_the_order_of_what_is_known():
    rows = [
        LocusVariant(n, "chr1", 100 + n, "A", "G", locus="x", log10_p=p)
        for n, p in enumerate([1.0, 3.0, 2.0])
    ]
    effects = {row.key: scored(Place(*row.key), 0.1) for row in rows}
    options = {"labels": ("a", "b"), "genes": [], "window": 1000}
    by_p = content_of("x", rows, effects, **options)
    assert [each.known.log10_p for each in by_p.variants] == [3.0, 2.0, 1.0]
    assert by_p.by == "P-value"
    assert by_p.credible is None
    same = content_of("x", [replace(row, pip=0.3) for row in rows], effects, **options)
    assert "(0.3)." in summary_of(same)[0]
    equal = [replace(row, pip=0.3, log10_p=None) for row in rows]
    tied = content_of("x", equal, effects, **options)
    assert "(0.3), which 2 others have too, and among these by the size" in summary_of(tied)[0]
    posteriors = {rows[0].key: 0.7, rows[1].key: 0.2, rows[2].key: 0.1}
    joined = content_of("x", rows, effects, posteriors=posteriors, **options)
    assert [each.posterior for each in joined.variants] == [0.7, 0.2, 0.1]
    assert "posterior" in joined.by
    # A variant that stands in the table twice is shown once, with the row that says more.
    twice = [replace(rows[0], pip=0.1), replace(rows[0], pip=0.4)]
    (only,) = content_of("x", twice, effects, **options).variants
    assert only.known.pip == 0.4


def test_names_of_genes_stand_in_what_is_shown_of_them(locus):
    drawing = locus_drawing(locus, {})
    sources = [each.data for each in drawing.select({"type": ColumnDataSource})]
    (genes,) = [data for data in sources if "tip" in data]
    first, last = shown_range(locus)
    assert list(genes["end"]) == [9_001, 12_000]
    # Both go on behind what is shown.
    assert genes["start"][0] < first < genes["end"][0]
    assert genes["start"][1] < last < genes["end"][1]
    assert list(genes["middle"]) == [(first + 9_001) / 2, (10_500 + last) / 2]


def test_notes_say_what_a_reader_must_know(locus):
    assert locus.notes == [
        "1 variant has no predictions: neither allele is the genome's, on either strand.",
        "Variants that the panel of linkage does not have: 1.",
    ]
    wide = locus_of(number=3, window=50)
    assert "wider than the model's window of 50 bp" in wide.notes[0]
    rows = [
        LocusVariant(n, "chr1", 100 + n, "A", "G", locus="x", credible_set=f"L{n}", pip=0.5)
        for n in (1, 2)
    ]
    two = content_of("x", rows, {}, labels=(), genes=[], window=1000)
    assert "2 signals here (L1, L2)" in two.notes[0]
    assert two.credible == 1
    one = [replace(row, credible_set="", pip=0.9) for row in rows]
    (note, _) = content_of("x", one, {}, labels=(), genes=[], window=1000).notes
    assert note.startswith("The PIPs of this locus sum to 1.80: expected at most 1")


def test_the_page_needs_nothing_else_and_escapes_what_it_is_given(page):
    text = page.read_text()
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?(https?:)?//", text)
    assert "height &lt;b&gt;" in text
    assert (
        "The mechanism is computed of 2 variants that come first: --explain asks for more." in text
    )
    assert "basenji locus &lt;x&gt;" in text
    assert page.stat().st_size < 3e6
    records = re.findall(r'href="data:application/json;base64,([^"]+)"', text)
    import base64

    first = bk.Mechanism.model_validate(json.loads(base64.b64decode(records[0])))
    assert (first.pos, len(records)) == (10_000, 2)


def opened_page(browser, path):
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(path.as_uri())
    WebDriverWait(browser, 60, poll_frequency=0.02).until(
        lambda b: b.execute_script(
            "return Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle"
        )
    )
    return browser


@pytest.fixture(scope="module")
def opened(browser, page):
    return opened_page(browser, page)


def shown_mechanisms(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('.mechanism')].map((each) => !each.hidden)"
    )


def rows_of(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('#table tbody tr')].filter((row) => !row.hidden)"
        ".map((row) => row.cells[0].textContent)"
    )


def test_no_errors_in_the_console(opened):
    severe = [entry for entry in opened.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []


def test_a_name_in_the_table_shows_its_mechanism_and_tracks(opened):
    assert shown_mechanisms(opened) == [True, False]
    titles = "return Bokeh.documents[0].roots()[0].children.map((each) => each.title?.text ?? '')"
    before = opened.execute_script(titles)
    (button,) = [
        each for each in opened.find_elements("css selector", "#table button") if each.text == "rs1"
    ]
    # By the keyboard: without a mouse.
    button.send_keys("\n")
    assert shown_mechanisms(opened) == [False, True]
    assert opened.execute_script(titles) != before
    current = "return document.querySelector('tr[aria-current=true]').cells[0].textContent"
    assert opened.execute_script(current) == "rs1"


def test_a_point_shows_its_mechanism(opened):
    """What Bokeh does at a tap: the point is selected."""
    opened.execute_script(
        """
        const root = Bokeh.documents[0].roots()[0]
        const plot = root.children.find((each) => each.title?.text?.startsWith("Association"))
        plot.renderers[0].data_source.selected.indices = [0]
        """
    )
    assert shown_mechanisms(opened) == [True, False]


def test_the_table_sorts_and_filters(opened):
    assert rows_of(opened)[:3] == ["rs0", "rs1", "rs2"]
    heads = opened.find_elements("css selector", "#table th button")
    (head,) = [each for each in heads if each.text.startswith("log2 change")]
    head.send_keys("\n")
    # Descending: the effects are negative, and shrink along the locus; no value comes last.
    assert rows_of(opened)[0] == "rs11"
    assert rows_of(opened)[-1].endswith("C:T")
    head.send_keys("\n")
    assert rows_of(opened)[:2] == ["rs0", "rs1"]
    opened.find_element("id", "filter").send_keys("RS1")
    assert rows_of(opened) == ["rs1", "rs10", "rs11"]


def test_in_print_every_mechanism_is_shown(opened):
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    styles = opened.execute_script(
        "return [...document.querySelectorAll('.mechanism')]"
        ".map((each) => getComputedStyle(each).display)"
    )
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert styles == ["block", "block"]
