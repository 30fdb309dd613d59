"""What pyproject.toml cannot say: a wheel holds the shipped models of the checkout."""

from __future__ import annotations

import ast
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
PLACE = Path("basenji_kipoi", "models", "shipped")


def shipped() -> dict[str, str]:
    """Read which models are shipped, without importing the package, which may need libraries."""
    tree = ast.parse((HERE / PLACE / "shipped.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SHIPPED":
            return ast.literal_eval(node.value)
    raise ValueError(f"{PLACE / 'shipped.py'} names no models")


class BuildWithModels(build_py):
    """Copies the models beside the module that finds them; an editable installation needs none."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if self.editable_mode:
            return
        for name, folder in shipped().items():
            place = Path(self.build_lib, PLACE, name)
            self.mkpath(str(place))
            for file in sorted((HERE / folder).iterdir()):
                self.copy_file(str(file), str(place / file.name))


setup(cmdclass={"build_py": BuildWithModels})
