"""The page of a coverage track says what it was given, whatever signs that has."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

import numpy as np

from basenji_training.coverage.report import Quality, write_report


class Texts(HTMLParser):
    """Collects the texts of each kind of element, and its attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.found = [], {}

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        for name, value in attributes:
            self.found.setdefault(f"{tag}.{name}", []).append(value)

    def handle_data(self, data):
        if self.open and data.strip():
            self.found.setdefault(self.open[-1], []).append(data)


def test_texts_are_read_as_they_were_given(tmp_path):
    quality = Quality(
        tally=Counter({"alignments": 5, '<unmapped> & "lost"': 2}),
        reads_shared=1,
        forward=[3.0],
        reverse=[2.0],
        contigs=["chr<1>"],
        lengths=np.zeros(3, np.int64),
        usual_length=1,
        gc=None,
        tss=None,
    )
    command = "basenji-train coverage 'a <b>.bam' --out \"x & y.bw\""
    description = {"command": command, "created": "now", "settings": {"mode": "cut", "clip": None}}
    write_report(tmp_path / "x.html", "x & <y>.bw", quality, description)
    page = Texts()
    page.feed((tmp_path / "x.html").read_text())
    assert page.found["h1"] == page.found["title"] == ["Coverage x & <y>.bw"]
    assert page.found["code"] == [command]
    assert [text for text in page.found["td"] if "lost" in text] == ['<unmapped> & "lost"']
    assert page.found["td"][-4:] == ["mode", "cut", "clip", "None"]
    assert page.found["img.src"][0].startswith("data:image/png;base64,iVBOR")
    assert page.found["img.alt"] == page.found["figcaption"]
