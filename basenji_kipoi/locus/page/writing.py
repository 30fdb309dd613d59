"""The HTML of a page, and of the index of many."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from bokeh.embed import components
from bokeh.resources import Resources
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from basenji_kipoi.base.sequence import short_allele
from basenji_kipoi.locus.mechanisms.plots import mechanism_figure
from basenji_kipoi.locus.page.summary import summary_of
from basenji_kipoi.locus.page.view import LINKAGE, locus_drawing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np

    from basenji_kipoi.locus.mechanisms.record import Mechanism
    from basenji_kipoi.locus.page.content import LocusContent, PageVariant

__all__ = ["IndexRow", "index_page", "locus_page"]

_DOTS_PER_INCH = 80
#: The pages' own markup; everything that it is given is escaped.
_PAGES = Environment(
    loader=PackageLoader("basenji_kipoi.locus.page", ""), autoescape=True, undefined=StrictUndefined
)


class IndexRow(NamedTuple):
    """A locus in the index: its page, its name, its place, and what it shows."""

    file: str
    name: str
    place: str
    variants: int
    first: str
    summary: str

    @classmethod
    def of(cls, locus: LocusContent, file: str) -> IndexRow:
        """Describe a locus."""
        place = f"{locus.chrom}:{locus.start + 1:,}-{locus.end:,}"
        sentences = " ".join(summary_of(locus))
        first = locus.variants[0].name
        return cls(file, locus.name, place, len(locus.variants), first, sentences)


class _Cell(NamedTuple):
    text: str
    value: object


class _Shown(NamedTuple):
    """A mechanism as the page shows it: its figure and its record as data of the page."""

    name: str
    record: Mechanism
    figure: str
    file: str
    json: str


#: Columns of the table: the title, whether it is text, how a cell is read, and how it is written.
_COLUMNS = (
    ("variant", True, lambda v: v.name, "{}"),
    ("place", True, lambda v: f"{v.known.chrom}:{v.known.pos}", "{}"),
    ("alleles", True, lambda v: f"{short_allele(v.known.ref)}>{short_allele(v.known.alt)}", "{}"),
    ("posterior", False, lambda v: v.posterior, "{:.3f}"),
    ("PIP", False, lambda v: v.known.pip, "{:.3f}"),
    ("set", True, lambda v: v.known.credible_set, "{}"),
    ("-log10 P", False, lambda v: v.known.log10_p, "{:.2f}"),
    ("beta", False, lambda v: v.known.beta, "{:+.3g}"),
    ("r²", False, lambda v: v.r2, "{:.2f}"),
    ("log2 change", False, lambda v: v.change, "{:+.3f}"),
    ("track", True, lambda v: v.track, "{}"),
    ("gene", True, lambda v: _target(v, "label"), "{}"),
    ("log2 of the gene", False, lambda v: _target(v, "change"), "{:+.3f}"),
    ("distance (bp)", False, lambda v: _target(v, "distance"), "{:,}"),
    ("reason", True, lambda v: v.reason, "{}"),
)


def locus_page(
    locus: LocusContent,
    *,
    model: str,
    command: str = "",
    index: str = "",
    observed: Optional[Mapping[str, np.ndarray]] = None,
) -> str:
    """Make the page of a locus: HTML with everything in it.

    Parameters
    ----------
    locus
        The locus.
    model
        Name of the model.
    command
        The command that makes it.
    index
        The page that leads to all loci, if there is one.
    observed
        Observed tracks, as `locus_drawing` takes them.
    """
    script, drawing = components(locus_drawing(locus, observed or {}))
    columns = [
        column
        for column in _COLUMNS
        if column[0] == "variant"
        or any(column[2](each) not in (None, "") for each in locus.variants)
    ]
    explained = {id(each): number for number, each in enumerate(locus.explained)}
    rows = [
        {
            "number": explained.get(id(each)),
            "cells": [_cell(read(each), shown) for _, _, read, shown in columns],
        }
        for each in locus.variants
    ]
    library = Resources(mode="inline", components=["bokeh", "bokeh-widgets"])
    return _PAGES.get_template("page.html.jinja").render(
        locus=locus,
        model=model,
        command=command,
        index=index,
        summary=summary_of(locus),
        drawing=Markup(drawing),
        script=Markup(script),
        library=Markup(library.render()),
        linkage=LINKAGE if any(each.r2 is not None for each in locus.variants) else (),
        columns=[(title, is_text) for title, is_text, *_ in columns],
        rows=rows,
        mechanisms=list(_mechanisms(locus)),
    )


def index_page(loci: Sequence[IndexRow], *, command: str = "") -> str:
    """Make the page that leads to the pages of loci."""
    return _PAGES.get_template("index.html.jinja").render(loci=loci, command=command)


def _target(variant: PageVariant, name: str) -> Any:  # noqa: ANN401 - whatever the attribute is
    target = None if variant.scored is None else variant.scored.target
    return None if target is None else getattr(target, name)


def _cell(value: object, shown: str) -> _Cell:
    if value is None:
        return _Cell("-", "")
    return _Cell(shown.format(value), value)


def _mechanisms(locus: LocusContent) -> Iterator[_Shown]:
    for variant in locus.explained:
        record = variant.mechanism
        content = io.BytesIO()
        mechanism_figure(record, titled=False).savefig(content, format="png", dpi=_DOTS_PER_INCH)
        name = f"{record.chrom}_{record.pos}_{record.ref[:12]}_{record.alt[:12]}.json"
        yield _Shown(
            variant.name,
            record,
            _inlined(content.getvalue(), "image/png"),
            name,
            _inlined(record.model_dump_json().encode(), "application/json"),
        )


def _inlined(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
