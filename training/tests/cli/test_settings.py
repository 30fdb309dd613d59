"""A setting is declared once: option, recipe's entry and documentation come from its class."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
import typer
from pydantic import BaseModel, Field
from typer.testing import CliRunner

from basenji_kipoi.base.errors import InputError
from basenji_training.cli.app import app
from basenji_training.cli.coverage import coverage as coverage_command
from basenji_training.cli.settings import options_of, settings_table
from basenji_training.fit.recipe import Recipe
from basenji_training.optimisation.settings import Settings
from basenji_training.reads import settings as coverage

REPOSITORY = Path(__file__).resolve().parents[3]


class Cake(BaseModel):
    """Settings of every kind."""

    layers: int = Field(default=2, ge=1, le=9, description="How high.")
    heat: float = Field(default=0.5, gt=0, description="How hot.", json_schema_extra={"unit": "K"})
    icing: Literal["white", "pink"] | None = Field(default=None, description="What is on top.")
    nuts: bool = Field(
        default=True,
        description="Whether there are nuts.",
        json_schema_extra={"option": "--nuts/--plain", "group": "Taste"},
    )
    for_whom: str = Field(
        description="Who gets it.", json_schema_extra={"otherwise": "whoever comes"}
    )
    spices: tuple[str, ...] = Field(
        default=(),
        description="What is in.",
        json_schema_extra={"option": "--spice", "repeated": True},
    )


def bake(*arguments: str) -> tuple[dict[str, Any], Any]:
    """Run a command with these settings; what it was given, and how it ended."""
    program, seen = typer.Typer(), {}

    @program.command()
    @options_of(Cake, "the recipe's, or {}")
    def command(*, oven: str = "hot", given: dict[str, Any], plates: int = 1) -> None:
        """Bake."""
        seen.update(given, oven=oven, plates=plates)

    return seen, CliRunner().invoke(program, arguments, env={"COLUMNS": "200"})


def test_what_is_given_arrives_and_nothing_else():
    seen, _ = bake("--plates", "3")
    assert seen == {"oven": "hot", "plates": 3}
    seen, _ = bake("--layers", "3", "--plain", "--icing", "pink", "--for-whom", "me")
    assert seen == {
        "layers": 3,
        "nuts": False,
        "icing": "pink",
        "for_whom": "me",
        "oven": "hot",
        "plates": 1,
    }


def test_an_option_may_be_repeated():
    seen, _ = bake("--spice", "salt, fine", "--spice", "pepper")
    assert seen["spices"] == ("salt, fine", "pepper")


def test_help_has_what_the_class_declares():
    _, done = bake("--help")
    for text in (
        "Bake.",
        "How high. [default: (the recipe's, or 2)]",
        "1<=x<=9",
        "How hot (K). [default: (the recipe's, or 0.5)]",
        "white|pink",
        "Taste",
        "--plain",
        "[default: (the recipe's, or whoever comes)]",
    ):
        assert text in done.output
    lines = [line for line in done.output.splitlines() if "--" in line]
    order = [name for line in lines for name in ("oven", "layers", "plates") if f"--{name}" in line]
    assert order == ["oven", "layers", "plates"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--heat", "0"], "--heat 0.0: Input should be greater than 0"),
        (["--layers", "0"], "--layers"),
        (["--icing", "blue"], "--icing"),
    ],
)
def test_an_error_names_the_option(arguments, message):
    seen, done = bake(*arguments)
    assert seen == {}
    assert done.exit_code != 0
    if isinstance(done.exception, InputError):
        assert str(done.exception) == message
    else:
        assert message in done.stderr


def test_the_table_has_a_row_a_field():
    assert settings_table(Cake).splitlines() == [
        "| option | values | otherwise | what it is |",
        "| --- | --- | --- | --- |",
        "| `--layers` | whole number, at least 1, at most 9 | 2 | How high. |",
        "| `--heat` | number, above 0, in K | 0.5 | How hot. |",
        "| `--icing` | `white`, `pink` | none | What is on top. |",
        "| `--nuts/--plain` | yes or no | yes | Whether there are nuts. |",
        "| `--for-whom` | text | whoever comes | Who gets it. |",
        "| `--spice` | a name; may be repeated | none | What is in. |",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "x.zarr", "--out", "x", "--averaging", "1"], "--averaging 1.0"),
        (["coverage", "x", "--out", "x.bw", "--assay", "rna", "--clip", "0"], "--clip 0.0"),
        (["coverage", "x", "--out", "x.bw", "--assay", "rna", "--clip", "inf"], "--clip inf"),
    ],
)
def test_a_number_out_of_bounds_is_said_before_anything_else(arguments, message):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {message}: Input should be")


@pytest.mark.parametrize(
    ("command", "settings"), [("fit", Settings), ("coverage", coverage.Settings)]
)
def test_commands_have_an_option_for_each_setting(command, settings):
    options = typer.main.get_command(app).commands[command].params
    assert set(settings.model_fields) <= {option.name for option in options}
    assert all(field.description for field in settings.model_fields.values())


@pytest.mark.parametrize("words", [("--learning-rate", "nan"), ("--weight-decay", "inf")])
def test_bounds_of_an_option_are_those_of_its_usage(words):
    done = CliRunner().invoke(app, ["fit", "x.zarr", "--out", "x", *words])
    assert done.exit_code == 2
    assert words[0] in done.stderr
    assert "Invalid value" in done.stderr


def test_a_recipe_has_an_entry_for_each_setting():
    schema = Recipe.model_json_schema()["$defs"]["Settings"]
    assert list(schema["properties"]) == list(Settings.model_fields)
    assert schema["properties"]["shift"] == {
        "type": "integer",
        "minimum": 0,
        "maximum": 1_000_000_000,
        "default": 3,
        "unit": "bp",
        "title": "Shift",
        "description": "Largest random move of the sequence alone.",
    }


def test_the_pages_have_the_tables_of_today():
    check = [sys.executable, REPOSITORY / "docs" / "option_tables.py", "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_help_of_coverage_lists_what_the_recipes_say():
    lines = [line[4:] for line in coverage_command.__doc__.splitlines()]
    head = next(number for number, line in enumerate(lines) if line.startswith("recipe"))
    places = [match.start() for match in re.finditer(r"\S+", lines[head])]
    rows = {}
    for line in lines[head + 1 : head + 1 + len(coverage.RECIPES)]:
        name, *row = (line[a:b].strip() for a, b in itertools.pairwise([*places, None]))
        rows[name] = row
    for assay, recipe in coverage.RECIPES.items():
        shifts = f"{recipe.shift_forward:+} {recipe.shift_reverse:+}"
        clipped = recipe.max_soft_clip
        assert rows[assay] == [
            recipe.mode,
            str(recipe.mate or "both"),
            "" if shifts == "+0 +0" else shifts,
            "two" if recipe.stranded else "one",
            "yes" if recipe.gc else "no",
            f"{recipe.multimap_sd:g}",
            f"{recipe.smooth_sd:g}",
            recipe.duplicates + ("" if clipped is None else f"; soft clip up to {clipped}"),
        ]
        usual = (recipe.multimap, recipe.max_multimap, recipe.min_mapq, recipe.max_fragment)
        assert usual == ("em", 3, 10, 2000)
        assert recipe.clip == (None if assay == "rna" else 12)
