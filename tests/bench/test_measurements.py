"""What the measurements give to our code is valid, also while nobody runs them: parameters, options, names."""

from pathlib import Path

import pytest
import yaml

from stages.inference.backends.transformers import engine as transformers
from stages.inference.backends.vllm import engine as vllm
from stages.inference.connect import connect
from stages.inference.engine_interface import read_options
from stages.params import Engine, parse
from tests.bench import corpus, gpu_engines, gpu_projects, kills, report_pages, whole_path
from tests.bench import vllm as vllm_share
from tests.bench.gpu_place import CPU, GPU, Place
from tests.inference import tiny
from tests.inference.counting import prompt

PLACES = [Place(Path("folder"), size, size is CPU, Path("train"), Path("engines")) for size in (CPU, GPU)]


@pytest.mark.parametrize("rounds", [1, 2])
def test_parameters_of_corpus_and_rewriting(rounds: int) -> None:
    assert parse(corpus.params(Path("shared"), 20, rounds)).rewrite.corpora["alpaca"].rounds == rounds


def test_parameters_of_whole_path() -> None:
    assert [*parse(whole_path.params(Path("rows.json"))).train.runs] == ["it", "sit"]


def test_what_report_pages_writes_is_what_the_committed_report_reads() -> None:
    params = parse(yaml.safe_load((report_pages.ROOT / "params.yaml").read_text("utf-8")))
    assert (params.report.before, params.report.after) == (report_pages.BEFORE, report_pages.AFTER)
    assert {*report_pages.RUNS} <= {*params.train.runs, *params.predict.models}
    assert "xquad" in params.predict.benchmarks


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("model", ["base", "random", "blip"])
def test_parameters_of_the_gpu_check(place: Place, model: str) -> None:
    runs = parse(gpu_projects.params(place, model, {})).train.runs
    assert runs["first"].model == runs["second"].model == model


@pytest.mark.parametrize("place", PLACES)
def test_options_of_the_engines_that_are_compared_with_a_bare_loop(place: Place) -> None:
    read_options(gpu_engines.transformers_options(place.size), transformers.Options, "transformers")
    read_options(gpu_engines.vllm_options(place, "0.20.2+cpu"), vllm.Options, "vllm")
    read_options(vllm_share.OPTIONS, vllm.Options, "vllm")


def test_the_bare_loop_has_the_object_and_the_ends_of_our_engine(tmp_path: Path) -> None:
    replica = vllm.Replica.__new__(vllm.Replica)  # without vLLM, which its constructor loads a model with
    replica._llm = "vLLM's own"
    options = vllm.Options(**vllm_share.OPTIONS)
    engine = vllm.OfflineEngine(tiny.tokenizer(tmp_path / "tiny"), options, replica.compute)
    llm, ends = gpu_engines.vllm_of(engine)
    assert llm == "vLLM's own" and len(ends) > 0


def test_kills_counts_what_was_sent_by_the_log_of_a_store(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text('[{"reply": "yes"}]')
    store = tmp_path / "replies.sqlite"
    assert kills.sent(store) == 0
    engine = Engine(engine="scripted", options={"rules": str(tmp_path / "rules.json")})
    for numbers in (range(3), range(5), range(5)):
        with connect(engine, store=store) as complete:
            assert len(list(complete(prompt(number) for number in numbers))) == len(numbers)
    assert kills.sent(store) == kills.stored(store) == 5
