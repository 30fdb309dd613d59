"""What a Kipoi directory says about its model: the ``info`` of each description, and a page."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from basenji_kipoi.models.bundle import Bundle

__all__ = ["kinds_of", "readme", "with_info"]

#: Folder of each model -> what it is for.
_KINDS = {
    ".": "Bins of coverage around intervals.",
    "kipoi_models/variant_effects": "One value a track, the sum over the predicted bins, for "
    "kipoi-veff: its diff is the sum over bins of alternative minus reference (SAD).",
    "kipoi_models/variant_centered": "Bins of coverage, read through kipoiseq's dataloader, for "
    "kipoi-veff2.",
    "kipoi_models/mutation_map": "One value a track of windows in three parts, of which kipoi-veff "
    "mutates the middle one.",
}
_REPORTER = {
    "kipoi_models/reporter": "Activities of the reporter of a sequence of an insert's length, for "
    "kipoi-veff: its diff is what a variant changes in them.",
}


def kinds_of(bundle: Bundle) -> dict[str, str]:
    """List the folders of the models on a bundle, and what each is for."""
    return {**_KINDS, **(_REPORTER if bundle.assays else {})}


def with_info(text: str, bundle: Bundle, kind: str, *, author: str, licence: str) -> str:
    """Put what is known of a bundle in place of the ``info`` of a model.yaml.

    Parameters
    ----------
    text
        The file's content.
    bundle
        The model.
    kind
        What this view of it is for.
    author, licence
        Whom and what the description names.
    """
    # A string of JSON is one of YAML too, whatever a name holds.
    quoted = [
        ("doc", f"{bundle.metadata.name}: {_facts(bundle)}. {kind}"),
        ("version", "0.1"),
        ("license", licence),
        ("trained_on", _trained_on(bundle)),
    ]
    lines = ["info:", "  authors:", f"    - name: {json.dumps(author)}"]
    lines += [f"  {key}: {json.dumps(value)}" for key, value in quoted]
    block = "\n".join([*lines, "", ""])
    text = text.replace("`make kipoi-files` writes", "`python examples/make_expected.py` writes")
    return re.sub(r"^info:\n(?:(?: .*)?\n)*", lambda _: block, text, count=1, flags=re.MULTILINE)


def readme(bundle: Bundle) -> str:
    """Say in a page what is in the directory and how it is used."""
    rows = "\n".join(f"| `{folder}` | {kind} |" for folder, kind in kinds_of(bundle).items())
    arguments = (
        '{"intervals_file": "examples/data/intervals.bed", "fasta_file": "examples/data/genome.fa"}'
    )
    return f"""# {bundle.metadata.name} for Kipoi

A network of the Basenji family: {_facts(bundle)}.
Trained on {_trained_on(bundle)}. `model_files/MODEL_CARD.md` says more.

| directory | |
| --- | --- |
{rows}

The environment is what `kipoi env export . --source=dir -o environment.yaml` writes; nothing of the
project has to be installed besides. The example is a random genome.

```sh
kipoi test . --source=dir
kipoi predict . --source=dir --keep_metadata -o predictions.h5 \\
    --dataloader_args='{arguments}'
cd kipoi_models/variant_effects && kipoi test . --source=dir
```

`python examples/make_expected.py` fits shapes and expected predictions anew to the bundle in
`model_files`.
"""


def _facts(bundle: Bundle) -> str:
    shape = bundle.architecture
    return (
        f"windows of {shape.window:,} bp to {shape.bins:,} bins of {shape.bin} bp and "
        f"{len(bundle.targets):,} tracks"
    )


def _trained_on(bundle: Bundle) -> str:
    splits = [each.chromosomes for each in bundle.metadata.training.networks if each.chromosomes]
    if not splits:
        return f"the assembly {bundle.metadata.assembly}"
    held_out = "; ".join(
        f"{split}: {', '.join(getattr(splits[0], split))}" for split in ("validation", "test")
    )
    return f"the assembly {bundle.metadata.assembly}, {held_out} held out"
