"""A page of 500 variants is small and opens at once, in a real browser."""

from __future__ import annotations

import time

from page_inputs import GENES, locus_of
from test_page import opened_page

from basenji_kipoi.locus.page.writing import locus_page

#: Bars of a page of 500 variants: bytes, and seconds from the request to Bokeh's last drawing.
BYTES, SECONDS = 10e6, 2.0


def test_a_page_of_500_variants_is_small_and_opens_within_two_seconds(browser, tmp_path):
    # As many bins as a network's window has, each variant with its own.
    locus = locus_of(number=500, explained=10, bins=960, genes=GENES * 20, window=1 << 17)
    path = tmp_path / "x.html"
    path.write_text(locus_page(locus, model="made up"))
    assert path.stat().st_size < BYTES
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        opened_page(browser, path)
        seconds.append(time.perf_counter() - began)
    rows = "return document.querySelectorAll('#table tbody tr').length"
    assert browser.execute_script(rows) == 501
    # The best of three: another program may have the processor meanwhile.
    assert min(seconds) < SECONDS, seconds
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
