"""The public face: light, complete, typed, documented, and clear about what is not installed."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import subprocess
import sys
import typing
from pathlib import Path

import pytest
from example_inputs import REPOSITORY, lay_out

import basenji_kipoi as bk
from basenji_kipoi.base.errors import InputError

FACES = [
    "basenji_kipoi",
    *(
        f"basenji_kipoi.{room}"
        for room in (
            "activities",
            "comparison",
            "effects",
            "genome",
            "interpretation",
            "locus",
            "models",
            "mutagenesis",
            "prediction",
            "scoring",
        )
    ),
]


def python(code, folder=REPOSITORY):
    """Run a program of a few lines; return what it prints."""
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def type_checker_imports(module):
    """Import what a module imports for type checkers; return it by name."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    names = {}
    for node in tree.body:
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            for statement in node.body:
                if isinstance(statement, (ast.Import, ast.ImportFrom)):
                    exec(ast.unparse(statement), names)
    names.pop("__builtins__", None)
    return names


def offered():
    """Every function and class of the faces, and the public methods of these classes."""
    for package in FACES:
        for name in importlib.import_module(package).__all__:
            found = getattr(importlib.import_module(package), name)
            if callable(found):
                yield f"{package}.{name}", found


def test_a_face_imports_no_library():
    heavy = "{'numpy', 'keras', 'tensorflow', 'pydantic', 'pysam', 'pyarrow', 'h5py', 'rich'}"
    for package in FACES:
        assert python(f"import sys, {package}; print({heavy} & set(sys.modules))") == "set()\n"


def test_only_what_is_used_is_imported():
    code = "import sys, basenji_kipoi as bk; bk.Genome; bk.load; bk.predict; bk.mutate; bk.SCORES"
    assert python(f"{code}; print('keras' in sys.modules)") == "False\n"


@pytest.mark.parametrize("package", FACES)
def test_a_face_offers_what_it_declares(package):
    module = importlib.import_module(package)
    declared = type_checker_imports(module)
    assert sorted(module.__all__) == sorted(declared)
    assert {name: getattr(module, name) for name in module.__all__} == declared
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize(
    ("code", "needs", "install"),
    [
        ("bk.score", "basenji_kipoi.score needs pyarrow", "pyarrow"),
        ("bk.Genome", "basenji_kipoi.Genome needs pyfaidx", "pyfaidx"),
        ("from basenji_kipoi.scoring import score", "scoring.score needs pyarrow", "pyarrow"),
        ("from basenji_kipoi.models import build_network", "build_network needs keras", "keras"),
        ("bk.compare", "basenji_kipoi.compare needs scipy", "scipy"),
        ("bk.predict(*names).to_dataframe()", "to_dataframe() needs pandas", "pandas"),
        ("bk.predict(*names).to_xarray()", "to_xarray() needs xarray", "xarray"),
    ],
)
def test_a_missing_library_is_named_in_one_line(code, needs, install, tmp_path):
    lay_out(tmp_path)
    program = f"""
import sys
sys.modules[{install!r}] = None
import basenji_kipoi as bk
names = "model_files", "genome.fa", "chrA:1-32"
try:
    {code}
except bk.InputError as error:
    assert isinstance(error, ImportError) and error.name == {install!r}
    print(error)
"""
    said = python(program, tmp_path)
    assert needs in said
    assert said.endswith(f", which is not installed (pip install {install})\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", sorted(bk.__all__))
def test_what_the_face_offers_has_an_example(name):
    found = getattr(bk, name)
    if callable(found) and name not in ("ScoreTables",):
        assert ">>> " in inspect.getdoc(found)


@pytest.mark.parametrize(("name", "found"), dict(offered()).items())
def test_annotations_name_what_exists(name, found):
    methods = [
        each
        for attribute, each in vars(found).items()
        if inspect.isfunction(each) and (not attribute.startswith("_") or attribute == "__init__")
    ]
    names = type_checker_imports(inspect.getmodule(found))
    for each in [found] if inspect.isfunction(found) else methods:
        hints = typing.get_type_hints(each, localns=names)
        parameters = set(inspect.signature(each).parameters) - {"self", "cls", "_"}
        assert parameters <= set(hints), each


def test_the_package_says_that_it_is_typed():
    assert (REPOSITORY / "basenji_kipoi" / "py.typed").is_file()


@pytest.fixture
def examples(tmp_path, monkeypatch):
    monkeypatch.chdir(lay_out(tmp_path))


EXAMPLES = sorted({inspect.getmodule(found).__name__ for _, found in offered()} | {"basenji_kipoi"})


@pytest.mark.parametrize("module", EXAMPLES)
@pytest.mark.usefixtures("examples")
def test_examples_run(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0


@pytest.mark.parametrize(("page", "least"), [("README.md", 5), ("docs/how-to/python.md", 20)])
@pytest.mark.usefixtures("examples")
def test_the_documentation_of_python_runs(page, least):
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    # The lines that open and close blocks are none of the program.
    text = "\n".join("" if line.startswith("```") else line for line in text.splitlines())
    parsed = doctest.DocTestParser().get_doctest(text, {}, page, page, 0)
    assert len(parsed.examples) >= least
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(parsed).failed == 0


def test_an_input_error_is_a_value_error():
    assert bk.InputError is InputError
    assert issubclass(bk.InputError, ValueError)
