"""The params.yaml of a new experiment: short, valid, and in the form in which DVC leaves it."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.core.errors import UserError
from stages.experiments.corpus_sample import FILES
from stages.experiments.params_text import Experiment, Generator, generator, text
from stages.experiments.row_fields import Layout
from stages.params import parse

FIELDS = {"instruction": "question: the first", "input": "context", "response": "answers.text.0"}
SERVER = generator("http://127.0.0.1:8000/v1", "org/My-Model", "MY_KEY")
HUB = f"hub:organisation-with-a-long-name/data-set@{'0' * 40}"


def experiment(model: Generator = SERVER, hub: str = "", source: str = "data/mine.jsonl") -> Experiment:
    files = ("*.parquet", "*.jsonl") if hub else ()
    return Experiment("mine", source, hub, files, Layout("own", FIELDS), "CC-BY-4.0", "en", 3, None, model)


EXPERIMENTS = {
    "server": experiment(),
    "embedded": experiment(generator("", "", "")),
    "weights": experiment(generator("", "path:/a/b/Model.gguf", "")),
    "hub": experiment(hub=HUB),
    "odd": experiment(source="/a folder/with: a 'name' # that needs quotes/and/goes/on/for/more/than/a/line.jsonl"),
    "alpaca": experiment()._replace(layout=Layout("alpaca", {}), sample=30, rounds=1),
}


@pytest.mark.parametrize("one", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_it_is_valid_and_dvc_changes_nothing_but_the_value(one: Experiment, tmp_path: Path) -> None:
    from dvc.utils.hydra import apply_overrides

    written = text(one)
    params = parse(YAML(typ="safe").load(written))
    assert params.ingest.corpora["mine"].source == one.source
    assert params.ingest.corpora["mine"].fields == one.layout.fields
    assert params.fetch.models[one.generator.name].reference == one.generator.reference
    assert f"responded/mine/{one.rounds}" in params.artifacts()
    (tmp_path / "params.yaml").write_text(written)
    apply_overrides(str(tmp_path / "params.yaml"), ["seed=1"])
    changed = (tmp_path / "params.yaml").read_text()
    assert re.sub("seed: 1 +", "seed: 20250429 ", changed) == re.sub("(?<=seed: 20250429) +", " ", written)


def test_it_is_short() -> None:
    fields = FIELDS | {"system": "system", "history": "turns"}
    for one in EXPERIMENTS.values():
        longest = one._replace(layout=Layout("own", fields), sample=30, files=FILES if one.hub else ())
        assert len(text(longest).splitlines()) < 60


@pytest.mark.parametrize(
    ("server", "reference"),
    [
        ("http://127.0.0.1:8000/v1", "endpoint:http://127.0.0.1:8000/v1#m"),
        ("127.0.0.1:8000", "endpoint:http://127.0.0.1:8000/v1#m"),
        ("https://host/v1/chat/completions", "endpoint:https://host/v1#m"),
        ("https://host/api/v4/", "endpoint:https://host/api/v4#m"),
        ("https://host/openai", "endpoint:https://host/openai/v1#m"),
    ],
)
def test_an_address_may_be_as_people_copy_it(server: str, reference: str) -> None:
    assert generator(server, "m", "").reference == reference


@pytest.mark.parametrize(
    ("server", "model", "key_env", "message"),
    [
        ("localhost:8000", "", "", "http://localhost:8000/v1/models lists them"),
        ("", "gpt-4o", "", "name the server that has it with --server"),
        ("https://host/v1", "m", "sk-abcdef", "takes the name of the environment variable"),
    ],
)
def test_a_generator_that_is_not_named_whole(server: str, model: str, key_env: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        generator(server, model, key_env)
    assert message in str(error.value) and "sk-abcdef" not in str(error.value)


def test_the_name_of_a_model_is_one_that_dvc_can_address() -> None:
    names = [generator("http://h", model, "").name for model in ("org/Qwen2.5:7b", "smollm2", "***")]
    assert names == ["qwen2-5-7b", "generator", "generator"]
    assert generator("", "hub:org/My.Model@v1", "").name == "my-model"
