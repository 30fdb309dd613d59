"""Recipes are files that can be read, and what the command line says wins over them."""

from __future__ import annotations

import json
import sys

import pytest
from known_truth import tiny_architecture

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.networks.presets.presets import preset_names, read_preset
from basenji_training.cli.app import main
from basenji_training.fit.loop import Run
from basenji_training.fit.recipe import Recipe, read_network, read_recipe, settings_of
from basenji_training.optimisation.settings import Settings


@pytest.mark.parametrize("name", preset_names())
def test_each_preset_network_has_a_recipe(name):
    recipe = read_recipe(name)
    assert read_network(recipe.network) == read_preset(name)


def test_the_recipe_of_2020_is_as_published():
    settings = read_recipe("basenji2").settings
    assert (settings.optimizer, settings.learning_rate, settings.momentum) == ("sgd", 0.15, 0.99)
    assert (settings.clip_norm, settings.batch_size, settings.loss) == (2, 4, "poisson")


def test_the_recipe_of_2018_is_as_published():
    settings = read_recipe("basenji2018").settings
    assert (settings.optimizer, settings.learning_rate) == ("adam", 0.002063)
    assert (settings.momentum, settings.beta_2) == (0.97, 0.98)
    assert (settings.batch_size, settings.patience, settings.schedule) == (2, 16, "constant")


@pytest.fixture
def recipe(tmp_path):
    tiny_architecture().write(tmp_path / "network.json")
    content = {"network": "network.json", "settings": {"epochs": 5, "batch_size": 6, "jitter": 64}}
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(content))
    return path


def test_options_win_over_the_recipe(recipe, letters, tmp_path, monkeypatch, capsys):
    command = ["basenji-train", "fit", letters.path, "--out", tmp_path / "run", "--recipe", recipe]
    command += ["--epochs", "1", "--no-reverse-complement", "--dtype", "float32", "--tensorboard"]
    monkeypatch.setattr(sys, "argv", [str(part) for part in command])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    assert "1 epochs, the best 1 with validation r" in capsys.readouterr().out
    asked = Settings(
        epochs=1, batch_size=6, jitter=64, reverse_complement=False, dtype="float32"
    ).model_dump()
    run = Run(tmp_path / "run")
    assert {name: getattr(run.settings, name) for name in asked} == asked
    assert run.architecture == tiny_architecture().with_heads({"letters": 4})
    assert events(run.path / "tensorboard") == {
        name: [(run_steps(letters), pytest.approx(run.history[0][name]))] for name in run.history[0]
    }


def run_steps(store):
    """Steps of an epoch with the recipe's batches."""
    shape = tiny_architecture()
    crop = shape.crop * shape.bin
    windows = store.windows("train", shape.window, crop, shape.bins * shape.bin)
    return len(windows) // 6


def events(folder):
    """Read a folder of event files with TensorFlow's own reader."""
    import tensorflow as tf
    from tensorflow.core.util import event_pb2

    scalars = {}
    for path in sorted(folder.iterdir()):
        for record in tf.data.TFRecordDataset(str(path)):
            event = event_pb2.Event.FromString(record.numpy())
            for value in event.summary.value:
                scalars.setdefault(value.tag, []).append((event.step, value.simple_value))
    return scalars


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"network": "small", "settings": {"epoch": 3}}, "settings.epoch: Extra inputs"),
        ({"network": "small", "settings": {"epochs": 0}}, "settings.epochs: Input should be"),
        ({"settings": {}}, "network: Field required"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path, content, message):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        read_recipe(str(path))


def test_an_unknown_recipe_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no recipe 'large': expected one of basenji2, .*\.json"):
        read_recipe("large")
    with pytest.raises(InputError, match="is missing"):
        read_recipe(str(tmp_path / "nothing.json"))


@pytest.mark.parametrize(
    ("said", "given", "dtype", "jitter"),
    [
        ({}, {}, "auto", 384),
        ({"dtype": "float32", "jitter": 5}, {}, "float32", 5),
        ({"dtype": "float32", "jitter": 5}, {"dtype": "bfloat16", "jitter": 0}, "bfloat16", 0),
    ],
)
def test_options_then_the_recipe_then_what_is_usual(letters, said, given, dtype, jitter):
    recipe = Recipe(network="small", settings=said)
    settings = settings_of(recipe, given, tiny_architecture(), [letters])
    assert (settings.dtype, settings.jitter) == (dtype, jitter)
