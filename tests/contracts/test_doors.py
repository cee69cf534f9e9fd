"""Python and the command line offer the same: no parameter without its option, and back."""

import importlib.util
import inspect
from pathlib import Path

import pytest
from typer.main import get_command

import agcam
from agcam.cli import app

COMMANDS = get_command(app).commands
PREPARATION = {"size", "mean", "std", "fit", "resize", "interpolation", "value_range"}

PAIRS = {
    agcam.load: COMMANDS["explain"],
    agcam.explain: COMMANDS["explain"],
    agcam.explain_each: COMMANDS["explain"],
    agcam.annotate: COMMANDS["annotate"],
    agcam.audit: COMMANDS["audit"],
    agcam.compare: COMMANDS["compare"],
    agcam.evaluate: COMMANDS["evaluate"],
    agcam.list_models: COMMANDS["list"].commands["models"],
}
PYTHON_ONLY = {
    "inputs": "tensors",
    "logits": "a function",
    "on_plan": "a function; the command prints the plan",
    "on_shard": "a function; the command shows a bar",
    "preparation": "or a transform of one's own; its numbers have options each",
    "progress": "a function; the command shows a bar",
    "skip": "a function; the command has --resume",
    "tracer": "for checks of the proof: None is always right",
}
OTHER_FORM = {"method", "methods", "metrics", "pattern", "root", "store", "target"}  # lists, paths
COMMAND_ONLY = {
    "against": "Against, and a model of agcam.audit",
    "top": "Top",
    "device": "module.to(device)",
    "trust_remote_code": "agcam.load",
    "out": "Explanation.save, Comparison.report",
    "alpha": "Explanation.overlay",
    "colormap": "Explanation.overlay",
    "kind": "Explanation.save",
    "video": "Explanation.save",
    "side": "Explanation.save",
    "resume": "skip",
    "fail_on": "Audit.fails",
    **dict.fromkeys(PREPARATION, "preparation"),
}


def options(command):
    return {parameter.name for parameter in command.params} - {"help"}


@pytest.mark.parametrize("function", PAIRS, ids=lambda function: function.__name__)
def test_a_parameter_has_its_option_or_is_for_python_only(function):
    parameters = set(inspect.signature(function).parameters)
    assert parameters - options(PAIRS[function]) <= set(PYTHON_ONLY)


@pytest.mark.parametrize("name", ["annotate", "audit", "explain", "compare", "evaluate"])
def test_an_option_has_its_parameter_or_another_place_in_python(name):
    parameters = {key for one in PAIRS for key in inspect.signature(one).parameters}
    assert options(COMMANDS[name]) - parameters <= set(COMMAND_ONLY)


@pytest.mark.parametrize("function", PAIRS, ids=lambda function: function.__name__)
def test_options_have_the_defaults_of_the_parameters(function):
    defaults = {parameter.name: parameter.default for parameter in PAIRS[function].params}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in defaults and name not in OTHER_FORM:
            missing = parameter.default is parameter.empty
            assert missing or defaults[name] == parameter.default, name


def test_what_is_saved_has_the_same_defaults():
    defaults = {parameter.name: parameter.default for parameter in COMMANDS["explain"].params}
    for name, parameter in inspect.signature(agcam.Explanation.save).parameters.items():
        assert name not in ("alpha", "colormap", "kind", "side") or (
            defaults[name] == parameter.default
        ), name


def test_the_reference_is_up_to_date():
    """It is written by scripts/write_reference.py: run it after a change of a name or an option."""
    path = Path(__file__).parent.parent.parent / "scripts" / "write_reference.py"
    spec = importlib.util.spec_from_file_location("reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for page, text in module.pages().items():
        assert page.read_text(encoding="utf-8") == text, f"run {path.name}"
