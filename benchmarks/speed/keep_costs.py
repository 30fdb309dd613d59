"""Keep measured costs with the workflows, whose dry runs tell them: those of the same are replaced.

python benchmarks/speed/keep_costs.py build/cost_train.json build/cost_loci.json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from job_costs import save

KEPT = Path(__file__).resolve().parents[2] / "workflows" / "measured" / "costs.json"
#: What dry runs read.
_READ = ("command", "model", "options", "of", "unit", "epochs")


def kept(found: list[dict[str, Any]], more: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put costs, without the runs that they follow from, in the place of those of the same."""

    def key(cost: dict[str, Any]) -> str:
        return json.dumps([cost["command"], cost["model"], cost["options"]], sort_keys=True)

    short = [
        {name: each[name] for name in _READ if name in each}
        | {"cost": {name: float(f"{value:.4g}") for name, value in each["cost"].items()}}
        | {"machine": {name: each["machine"][name] for name in ("processor", "cores")}}
        for each in more
    ]
    return list({key(each): each for each in (*found, *short)}.values())


def main(
    files: Annotated[list[Path], typer.Argument(help="What cost.py and the others wrote.")],
    out: Annotated[Path, typer.Option(help="JSON file to add them to.")] = KEPT,
) -> None:
    """Keep costs."""
    costs = json.loads(out.read_text(encoding="utf-8")) if out.exists() else []
    for file in files:
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            costs = kept(costs, found if isinstance(found, list) else [found])
        except OSError as error:
            raise SystemExit(f"error: {file} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise SystemExit(f"error: {file} is not what cost.py and the others write") from None
    save(costs, out)


if __name__ == "__main__":
    typer.run(main)
