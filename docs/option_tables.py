"""Write the tables of options into the pages that have them: ``python docs/option_tables.py``.

A table stands between two lines of its page, the first of which names its class; it is made of what
the class declares (`basenji_training.cli.settings`). ``--check`` writes nothing, and exits with
status 1 if a page's table is not what would be written.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from basenji_training.cli.settings import settings_table
from basenji_training.data import settings as data
from basenji_training.data.reporters import settings as reporters
from basenji_training.optimisation import settings as training
from basenji_training.reads import settings as coverage

DOCS = Path(__file__).resolve().parent
#: Page -> the settings of its table.
PAGES = {
    "how-to/coverage.md": coverage.Settings,
    "how-to/data.md": data.StoreSettings,
    "how-to/fit.md": training.Settings,
    "how-to/reporters.md": reporters.ReporterSettings,
}
END = "<!-- end of the table -->"


def with_table(page: str, text: str) -> str:
    """Return the text of a page with the table that it should have."""
    settings = PAGES[page]
    begin = f"<!-- {settings.__module__}.{settings.__name__}: make option-tables -->"
    if text.count(begin) != 1 or text.count(END) != 1:
        raise ValueError(f"{page}: expected one line {begin} and one {END} behind it")
    place = re.compile(rf"(?<={re.escape(begin)}\n).*?(?={re.escape(END)})", re.DOTALL)
    return place.sub(lambda _: settings_table(settings), text)


def main() -> int:
    """Write the tables, or check them."""
    parser = argparse.ArgumentParser(description="Write the tables of options into the pages.")
    parser.add_argument("--check", action="store_true", help="say what would change")
    check = parser.parse_args().check
    changed = 0
    for page in PAGES:
        path = DOCS / page
        before = path.read_text(encoding="utf-8")
        after = with_table(page, before)
        if after != before:
            changed += 1
            print(f"{path} {'is not what would be written' if check else 'has a new table'}")
            if not check:
                path.write_text(after, encoding="utf-8")
    return int(check and changed > 0)


if __name__ == "__main__":
    sys.exit(main())
