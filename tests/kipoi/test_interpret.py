"""kipoi-interpret's scores of our models, in both environments, beside what they must be."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from kipoi_site import succeeded

pytestmark = pytest.mark.legacy

#: Bin and track whose predictions are explained.
BIN, TRACK = 3, 1
PROGRAM = f"""
import json, sys
import h5py
import kipoi
import numpy as np
from kipoi_interpret.importance_scores.gradient import Gradient, GradientXInput
from kipoi_interpret.importance_scores.ism import Mutation

model = kipoi.get_model(".", source="dir")
arguments = json.loads(sys.argv[1])
batch = model.default_dataloader(**arguments).load_all()["inputs"][:1]
place = dict(filter_idx=(slice(None), slice({BIN}, {BIN} + 1), {TRACK}), avg_func="sum")
score = Mutation(
    model, "seq", batch_size=128, output_sel_fn=lambda output: output[{BIN}, {TRACK}]
).score(batch)
values = np.array(
    [[0.0 if letter is None else letter[0] for letter in base] for base in score[0]]
)
with h5py.File("interpreted.h5", "w") as file:
    file["inputs"] = batch
    file["gradient"] = Gradient(model, **place).score(batch)
    file["gradient_x_input"] = GradientXInput(model, **place).score(batch)
    file["mutation"] = values
"""


@pytest.fixture(scope="module")
def interpreted(commands, site):
    (site.path / "interpret.py").write_text(PROGRAM)
    arguments = {
        "intervals_file": str(site.examples / "intervals.bed"),
        "fasta_file": str(site.examples / "genome.fa"),
    }
    done = commands.start({"x": f"python interpret.py '{json.dumps(arguments)}'"}, site.path)["x"]
    succeeded(done)
    with h5py.File(site.path / "interpreted.h5") as file:
        return {name: values[:] for name, values in file.items()}


def test_gradients_and_their_product_with_the_input(interpreted, site):
    gradient, windows = interpreted["gradient"], interpreted["inputs"]
    assert gradient.shape == windows.shape
    np.testing.assert_array_equal(interpreted["gradient_x_input"], gradient * windows)
    start, end = site.bundle.architecture.needed_input(BIN, BIN + 1)
    reached = np.flatnonzero(np.abs(gradient).any(axis=(0, 2)))
    assert max(start, 0) <= reached.min()
    assert reached.max() < min(end, site.window)


def test_mutations_are_the_differences_of_whole_passes(interpreted, site):
    windows, found = interpreted["inputs"], interpreted["mutation"]
    assert (found[windows[0] == 1] == 0).all()
    reference = site.predict(windows)[0, BIN, TRACK]
    for base, letter in [(200, 0), (220, 3), (256, 2), (250, 1)]:
        changed = windows.copy()
        changed[0, base] = 0
        changed[0, base, letter] = 1
        expected = site.predict(changed)[0, BIN, TRACK] - reference
        np.testing.assert_allclose(found[base, letter], expected, rtol=1e-4, atol=1e-5)
    assert np.abs(found).max() > 0
