"""params.yaml: every mistake is one line that names where it is."""

import contextlib
import copy
import difflib
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo
from dvc.utils.serialize import dump_yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from stages.core import registry
from stages.core.errors import UserError, joined
from stages.evaluation.benchmarks import BENCHMARKS
from stages.params import field_types, load, parse

ROOT = Path(__file__).resolve().parents[1]
VALUES = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text())
ODD = st.sampled_from(
    [None, True, 0, -1, 10**400, 0.5, float("inf"), float("nan"), "", "x", "../x", "a\0b", "\ud800", "x" * 300, [], {},
     [None], [[]], {"": 1}, {1: 2}, {None: None}, b"bytes", date(2020, 1, 1), {1, 2}]
)  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield (key,)
        yield from ((key, *rest) for rest in places(below))


PLACES = list(places(VALUES))


def at(path: tuple[Any, ...]) -> Any:
    place: Any = VALUES
    for key in path:
        place = place.get(key, {}) if isinstance(place, dict) else place[key]  # a profile may leave a section out
    return copy.deepcopy(place)


def changed(path: str, value: Any) -> dict:
    values = copy.deepcopy(VALUES)
    *parents, last = path.split(".")
    place: Any = values
    for key in parents:
        place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
    place[last] = value
    return values


ENDPOINT = "endpoint:http://127.0.0.1:1/v1#m"
OPENAI = {
    "model": "smollm2", "engine": "openai",
    "options": {"api": "chat", "dialect": "plain", "concurrency": 1, "timeout": 1, "attempts": 1, "grouping": 1,
                "key_env": None, "extra": {}},
}  # fmt: skip
MISTAKES = [
    ("seed", "many", "seed"),
    ("surprise", 1, "surprise: unknown key"),
    ("respond.settings.sampling.temperatur", 1.0, "temperatur: unknown key"),
    ("respond.settings.sampling.temperature", "hot", "respond.settings.sampling.temperature"),
    ("respond.settings.sampling.temperature", -1, "respond.settings.sampling.temperature"),
    ("respond.settings.sampling.top_p", 1.5, "top_p"),
    ("train.settings.template", "vicuna", "train.settings.template"),
    ("train.settings.batch", 0, "train.settings.batch"),
    ("train.runs.it.model", "llama", "unknown 'llama'"),
    ("train.runs.it.reads", "responded/nothing/0", "unknown 'responded/nothing/0'"),
    ("train.runs.it.reads", "responded/seed-0", "write rewritten/NAME/ROUND or responded/NAME/ROUND"),
    ("train.runs.it.reads", "responded/seed/3", "unknown 'responded/seed/3'"),
    ("train.runs.it.reads", "ingested/seed/1", "others FOLDER/NAME"),
    ("rewrite.corpora.seed.rounds", 0, "rewrite.corpora.seed.rounds"),
    ("rewrite.corpora.heldout", VALUES["rewrite"]["benchmarks"]["heldout"], "'heldout' names two entries"),
    ("fetch.models.smollm2.reference", "smollm2", "fetch.models.smollm2.reference"),
    ("rewrite.corpora.seed.policy", "best", "rewrite.corpora.seed.policy"),
    ("rewrite.corpora.seed.actions", ["merge"], "rewrite.corpora.seed.actions"),
    ("fetch.models.smollm2.reference", "hub:org/name", "is not pinned; write hub:org/name@COMMIT"),
    ("fetch.models.smollm2.reference", "hub:org/name@main", "git ls-remote https://huggingface.co/org/name HEAD"),
    ("fetch.corpora", {"c": {"reference": "hub:org/data", "files": ["*"]}}, "is not pinned"),
    ("sample.combination.mixed.sizes", [1], "sample.combination.mixed.sizes"),
    ("sample.combination.mixed.second", "responded/seed/0", "name two sets"),
    ("extract_inputs.corpora.flat.reads", "ingested/nothing", "unknown 'ingested/nothing'"),
    ("sample.mixture.seqeval.shares", [0.1, 0.2, 0.3, 0.3], "not to 1"),
    ("predict.models", {"gpt": {}}, "unknown 'gpt'"),
    ("train.settings.unfrozen", ["("], "'(' is no regular expression"),
    ("train.settings.unfrozen", "all", "train.settings.unfrozen"),
    ("train.runs.it.unfrozen", [""], "train.runs.it.unfrozen.0"),
    ("train.runs.it.pictures", 3, "train.runs.it.pictures"),
    ("train.runs.it.benchmarks", ["mmlu"], "train.runs.it.benchmarks: unknown 'mmlu'"),
    ("train.runs.it.benchmarks", [], "train.runs.it.benchmarks"),
    ("predict.benchmarks.gqa.runs", ["gpt"], "predict.benchmarks.gqa.runs: unknown 'gpt'"),
    ("ingest.benchmarks.gqa.images", None, "the questions of gqa show pictures; write pixels"),
    ("ingest.benchmarks.xquad.images", "captions", "xquad has no pictures"),
    ("ingest.benchmarks.gqa.benchmark", "gpa", "gqa.benchmark: unknown benchmark 'gpa'; did you mean 'gqa'"),
    ("ingest.benchmarks.gqa.images", "pixels", "images: pixels needs the folder"),
    ("ingest.benchmarks.gqa.images", "seen", "ingest.benchmarks.gqa.images"),
    ("ingest.benchmarks.gqa.folder", "pictures", "and nothing else takes one"),
    ("engines.judge.price", None, "engines.judge.price: stands under costs.judge"),
    ("costs.generator.speed", {"input": 0, "output": 1}, "costs.generator.speed.input"),
    ("costs.judge", 3, "costs.judge"),
    ("engines.judge", 3, "engines.judge"),
    ("predict.benchmarks.mmlu", VALUES["predict"]["benchmarks"]["mgsm"], "unknown 'mmlu'"),
    ("compare.runs.seqeval-it-sit.baseline", "gpt", "compare.runs.seqeval-it-sit.baseline: unknown 'gpt'"),
    ("compare.settings.reading", "guessed", "compare.settings.reading"),
    ("judge_tasks.runs.seqeval-it.benchmark", "mmlu", "judge_tasks.runs.seqeval-it.benchmark: unknown 'mmlu'"),
    ("judge_tasks.settings.lister", "me", "judge_tasks.settings.lister"),
    ("judge_agreement.runs.seqeval-sit.run", "gpt", "judge_agreement.runs.seqeval-sit.run: unknown 'gpt'"),
    ("engines.reviewer.model", "gpt", "engines.reviewer.model: unknown 'gpt'"),
    ("predict.benchmarks.humaneval.sampling.temperature", 0.0, "humaneval: 2 samples at temperature 0"),
    ("predict.benchmarks.humaneval.template", "alpaca", "predict.benchmarks.humaneval.template"),
    ("evaluate.sandbox.seconds", 0, "evaluate.sandbox.seconds"),
    ("evaluate.sandbox.seconds", 1e-9, "evaluate.sandbox.seconds: must be at least 0.1"),
    ("evaluate.sandbox.memory", 63, "evaluate.sandbox.memory"),
    ("evaluate.sandbox.processes", 2**31 - 1, "evaluate.sandbox.processes: must be at most 4096"),
    ("evaluate.sandbox.output", 2**31 - 1, "evaluate.sandbox.output"),
    ("publish.seqeval.version", "one", "publish.seqeval.version"),
    ("validate.max_quarantined", 1.1, "validate.max_quarantined"),
    ("train.settings.batch", True, "train.settings.batch"),
    ("train.settings.epochs", float("inf"), "train.settings.epochs"),
    ("seed", "1", "seed"),
    ("decontaminate.settings.ngrams", [13, 10**30], "decontaminate.settings.ngrams.1"),
    ("rewrite.settings.orders", 10**6, "rewrite.settings.orders"),
    ("respond.settings.attempts", 2**31 - 1, "respond.settings.attempts: must be at most 1000"),
    ("respond.settings.keep", [], "respond.settings.keep"),
    ("judge.prompt", "a\nb", "judge.prompt"),
    ("ingest.corpora.seed.source", "a\0b", "ingest.corpora.seed.source"),
    ("ingest.benchmarks.xquad.languages", ["../x"], "ingest.benchmarks.xquad.languages.0"),
    ("evolve.settings.operations", ["../x"], "evolve.settings.operations.0"),
    ("rewrite.corpora.seed.reads", "rewritten/seed/1", "in a circle: rewritten/seed/1 < rewritten/seed/1"),
    ("rewrite.corpora.seed.reads", "responded/seed/2", "in a circle: "),
    ("augment.rules.repeat.reads", "augmented/repeat.plain", "in a circle: "),
    ("rewrite.corpora.seed.reads", "ingested/nothing", "rewrite.corpora.seed.reads: unknown 'ingested/nothing'"),
    ("rewrite.corpora.seed.actions", ["hold", "hold"], "rewrite.corpora.seed.actions: names one twice"),
    ("train.runs.it.benchmarks", ["mgsm", "mgsm"], "train.runs.it.benchmarks: names one twice; remove it"),
    ("evaluate.pass_at", [1, 1], "evaluate.pass_at: names one twice"),
    ("rewrite.corpora.seed.policy", "fixed", "rewrite.corpora.seed.actions: policy fixed takes one action, not 4"),
    ("augment.rules.repeat.chains", [{"chain": "repeat", "share": 0.5}], "share: chain repeat takes none"),
    ("augment.rules.repeat.chains", [{"chain": "repeat", "languages": ["de"]}], "languages: chain repeat takes none"),
    ("augment.rules.repeat.chains", [{"chain": "repeat", "labels": ["", "A:"]}], "chains.0.labels.0"),
    ("augment.rules.repeat.chains", [{"chain": "repeat", "prefix": "a\0b"}], "chains.0.prefix: holds a NUL character"),
    ("augment.aligned.translate.chains", [{"chain": "translate"}], "chain translate needs labels and languages and sh"),
    (
        "augment.aligned.translate.chains.0.languages",
        ["de", "qq"],
        "chains.0.languages.1: is no language; write its cod",
    ),
    ("augment.aligned.translate.chains.0.languages", ["de", "de"], "chains.0.languages: names one twice"),
    ("augment.aligned.translate.chains.0.languages", [], "chains.0.languages"),
    (
        "ingest.benchmarks.xquad.languages",
        [],
        "ingest.benchmarks.xquad.languages: xquad has several; name at",
    ),
    ("ingest.benchmarks.mgsm.languages", ["de", "de"], "ingest.benchmarks.mgsm.languages: names one twice"),
    ("ingest.benchmarks.seqeval.languages", ["en"], "seqeval has one language; write []"),
    (
        "judge_agreement.runs.seqeval-sit.benchmark",
        "mgsm",
        "judge_agreement.runs.seqeval-sit.benchmark: mgsm can't be an entry of `judge_agreement`",
    ),
    ("judge_tasks.runs.seqeval-it.benchmark", "humaneval", "these can: seqeval, xquad, commonsenseqa, alpaca_eval"),
    ("compare.runs.seqeval-it-sit.benchmark", "generic", "generic can't be an entry of `compare`"),
    ("train.runs.it.benchmarks", ["gqa"], "seqeval-it-sit.baseline: it does not answer seqeval; see"),
    (
        "predict.benchmarks.seqeval.runs",
        ["it"],
        "judge_agreement.runs.seqeval-sit.run)",
    ),
    ("evolve.settings.rounds", 101, "evolve.settings.rounds: must be at most 100 (given: 101)"),
    ("publish.seqeval.version", 1.0, "publish.seqeval.version: must be text; put it in quotes (given: 1.0)"),
    ("publish.seqeval.version", "one", "publish.seqeval.version: must be three numbers, such as 0.1.0 (given: 'one')"),
    (
        "fetch.models.smollm2.reference",
        "x",
        "must begin with package:, hub:, path: or endpoint:, such as endpoint:http",
    ),
    ("engines.tuned", {"model": "smollm2"}, "engines.tuned.model: has no effect, since each run names its model"),
    (
        "augment.rules.repeat.chains",
        [{"chain": "paraphrase"}],
        "paraphrase can't be here; write it under augment.model",
    ),
    ("fetch.models.smollm2.reference", ENDPOINT, "train.runs.it.model: smollm2 is an endpoint, whose weights can't be"),
    ("fetch.models.smollm2.reference", ENDPOINT, "engines.generator: smollm2 is an endpoint; name engine openai, and"),
    ("engines.generator", OPENAI, "engines.generator: engine openai needs an endpoint, and smollm2 is package:…; name"),
    ("engines.generator", OPENAI, "options (it takes its engine from engines.generator) (also at engines.reviewer)"),
    (
        "engines.generator",
        OPENAI,
        "engines.tuned: engine openai can't load the weights of train.runs.it; name an engine",
    ),
    ("wording.reapeat", "First repeat", "wording.reapeat: unknown chain 'reapeat'; did you mean 'repeat'?"),
    ("augment.rules.repeat.chains", [{"chain": "sing"}], "chains.0.chain: unknown chain 'sing'; known are repeat, "),
    (
        "engines.generator.options.thread",
        2,
        "options.thread: engine embedded has no option 'thread'; did you mean 'thr",
    ),
    ("engines.generator.options", {"batch": 1}, "generator.options: engine embedded needs threads, precision too; add"),
    (
        "engines.generator.options.batch",
        "64",
        "engines.generator.options.batch: must be a whole number, not text",
    ),
    ("engines.generator.options.weights", "int4", "generator.options.weights: must be 'float16' or 'int8'"),
    ("engines.generator.options.weights", ["int8"], "generator.options.weights: must be text, not a list"),
    ("engines.generator.options.call", 65, "generator.options.call: must be at most 64"),
    ("engines.generator.options.threads", None, "generator.options.threads: must be a whole number, not nothing"),
    (
        "engines.generator",
        OPENAI | {"options": {"batch": {"hours": 0, "form": "x", "pirce": 1}}},
        "options.batch.form: must be 'openai' or 'mistral'; engines.generator.options.batch.hours: must be at least 1",
    ),
    (
        "engines.generator",
        OPENAI | {"options": {"batch": {"pirce": 1}}},
        "batch has no option 'pirce'; did you mean 'pr",
    ),
    ("engines.generator", OPENAI | {"options": {"batch": 3}}, "options.batch: must be"),
    ("engines.generator", OPENAI | {"options": {"key_env": 3}}, "never the key itself"),
    ("wording.repeat", "First repeat the input, then\n", "wording.repeat: holds a line end; write it on one line"),
    ("wording.caption", "First\u2028describe", "wording.caption: holds a line end"),
    ("ingest.corpora.seed.licence", "MIT\n", "ingest.corpora.seed.licence: holds a line end"),
    (
        "ingest.corpora.seed.adapter",
        "alpacca",
        "seed.adapter: unknown adapter 'alpacca'; did you mean 'alpaca' or 'alpaca_eval'?",
    ),
    ("ingest.corpora.seed.fields", {"input": "a\nb"}, "ingest.corpora.seed.fields.input: holds a line end"),
    ("evaluate.pass_at", [1, 50], "evaluate.pass_at.1: 50 is more than predict.benchmarks.humaneval.samples (2)"),
    ("ingest.corpora." + "x" * 101, VALUES["ingest"]["corpora"]["seed"], "at most 100 characters"),
    ("ingest.corpora.seed.source", "https://host/a.json", "source: is an address and no path; download it first"),
    ("compare.references.alpaca_eval-it.outputs", "ssh://host/a.json", "is an address and no path"),
    ("judge.prompt", "remote://store/judge.txt", "judge.prompt: is an address and no path"),
    ("ingest.corpora.seed.source", "a/" + "é" * 128, "longer than the 255 bytes that a file's name may have"),
    ("ingest.corpora.seed.licence", "\ud800", "ingest.corpora.seed.licence: holds half of a surrogate pair"),
    (
        "engines.generator.options.extra",
        {"day": date(2024, 1, 31)},
        "options.extra.day: YAML reads this as a value of ",
    ),
    (
        "engines.generator.options.extra",
        {"a": [float("nan")]},
        "options.extra.a.0: must be a finite number (given: nan",
    ),
    ("engines.generator.options.extra", {"seed": 10**30}, "extra.seed: is a whole number of more than 64 bits"),
    ("train.settings.extra", {"lora_r": b"x"}, "train.settings.extra.lora_r: YAML reads this as a value of type bytes"),
    ("engines.generator.options.a\0", 1, "the key engines.generator.options.a"),
    ("engines.generator.model", None, "engines.generator.model: needed by "),
    ("rewrite.rounds", {}, "rewrite.rounds: this section is gone; name each corpus once"),
    ("rewrite.corpora.seed.responses", "first", "rewrite.corpora.seed.responses: "),
    (
        "rewrite.corpora.seed",
        VALUES["rewrite"]["corpora"]["seed"] | {"responses": "last", "round_0": "corpus"},
        "rewrite.corpora.seed.round_0: under responses: last, round 0 has no responses; remove it, or write",
    ),
    (
        "rewrite.corpora.seed.responses",
        "last",
        "responded/seed/0 is not made: rewrite.corpora.seed has responses: last; name responded/seed/2, or write "
        "responses: every there",
    ),
    (
        "rewrite.settings.responses",
        "last",
        "augment.rules.repeat.reads: responded/seed/0 is not made: rewrite.corpora.seed has responses: last",
    ),
    ("respond.rounds", {}, "respond.rounds: this section is gone; every round of rewrite.corpora gets responses"),
    ("predict.runs", {"it": {}}, "predict.runs: this section is gone; every run of train.runs"),
    ("train.runs.sit.reads", "responded/seed-2", "others FOLDER/NAME; did you mean responded/seed/2?"),
    ("train", None, "train: must be a table of `name: value`; for an empty one write {} or leave the key out"),
    ("predict.models", ["smollm2"], "predict.models: must be a table of `name: value`"),
    (
        "rewrite.benchmarks.heldout",
        VALUES["rewrite"]["benchmarks"]["heldout"] | {"policy": "fixed", "actions": ["prefix"]},
        "rewrite.benchmarks.heldout.later_actions: policy fixed takes one action, not 2",
    ),
]


CORPUS = VALUES["ingest"]["corpora"]["seed"]
NAMED = {
    "corpus": ("ingest.corpora", CORPUS), "benchmark": ("ingest.benchmarks", VALUES["ingest"]["benchmarks"]["xquad"]),
    "model": ("fetch.models", {"reference": "package:x"}),
    "download": ("fetch.corpora", {"reference": "hub:a/b@1", "files": ["*"]}),
    "withheld": ("index_benchmarks", {"reads": "ingested/seed"}),
    "decontaminated": ("decontaminate.corpora", {"reads": "ingested/seed", "remove": [], "ngram": 13}),
    "extracted": ("extract_inputs.corpora", {"reads": "ingested/seed"}),
    "rewritten": ("rewrite.corpora", VALUES["rewrite"]["corpora"]["seed"]),
    "rewritten benchmark": ("rewrite.benchmarks", VALUES["rewrite"]["benchmarks"]["heldout"]),
    "checked": ("respond.filter.checks", {"reads": "responded/seed/2", "samples": 2}),
    "accepted": ("respond.filter.judge", {"reads": "responded/seed/2", "samples": 2}),
    "evolved": ("evolve.corpora", {"reads": "ingested/seed"}),
    "rules": ("augment.rules", VALUES["augment"]["rules"]["repeat"]),
    "aligned": ("augment.aligned", VALUES["augment"]["aligned"]["translate"]),
    "captions": ("augment.captions", VALUES["augment"]["captions"]["caption"]),
    "chained": ("augment.model", VALUES["augment"]["model"]["paraphrase"]),
    "measured": ("count_tokens", {"reads": "ingested/seed"}), "split": ("split", VALUES["split"]["sit-split"]),
    "verbs": ("count_verbs.sets", {"before": "ingested/seed", "after": "rewritten/seed/1"}),
    "budget": ("sample.budget", VALUES["sample"]["budget"]["sit-budget"]),
    "pairs": ("sample.pairs", VALUES["sample"]["pairs"]["sit-pairs"]),
    "mixture": ("sample.mixture", VALUES["sample"]["mixture"]["seqeval"]),
    "combination": ("sample.combination", VALUES["sample"]["combination"]["mixed"]),
    "trained": ("train.runs", VALUES["train"]["runs"]["it"]),
    "untuned": ("predict.models", {}), "answered": ("predict.benchmarks", VALUES["predict"]["benchmarks"]["xquad"]),
    "compared": ("compare.runs", VALUES["compare"]["runs"]["seqeval-it-sit"]),
    "referred": ("compare.references", VALUES["compare"]["references"]["alpaca_eval-it"]),
    "marked": ("judge_tasks.runs", VALUES["judge_tasks"]["runs"]["seqeval-it"]),
    "reviewed": ("judge_agreement.runs", VALUES["judge_agreement"]["runs"]["seqeval-sit"]),
    "calibrated": ("calibrate", {"benchmark": "seqeval", "labels": "labels/x.jsonl", "runs": ["it"]}),
    "estimated": ("win_rate", {"annotations": "x", "files": "y"}),
    "published": ("publish", VALUES["publish"]["seqeval"]),
    "repository": ("repositories", VALUES["repositories"]["seed"]),
    "published model": ("publish_models", VALUES["publish_models"]["sit"]),
    "generated": ("generate", VALUES["generate"]["verified"]),
}  # fmt: skip
"""Every dictionary of params.yaml whose keys are names, with a value that such a name may have."""


def foreach() -> set[str]:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    return {
        text[2:-1] for stage in stages for text in (stage.get("foreach"), *stage.get("matrix", {}).values()) if text
    }


def test_every_section_that_names_stages_is_tried() -> None:
    assert foreach() <= {section for section, _ in NAMED.values()}


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize(
    ("name", "other"),
    [("v1.1", "v1-1"), ("V1", "v1"), ("a b", "a-b"), ("x@y", "x-y"), ("-x", "x"), ("x[0]", "x-0"), ("x/../y", "x-y"),
     ("$(x)", "x"), ("é", "a1"), ("x\n", "x")],
)  # fmt: skip
def test_a_name_that_dvc_cannot_address_is_refused_wherever_it_stands(kind: str, name: str, other: str) -> None:
    section, value = NAMED[kind]
    values = changed(section, at(tuple(section.split("."))) | {name: value})
    with pytest.raises(UserError) as error:
        parse(values)
    place, message = f"params.yaml: {section}.{name}: ", f"{name!r} is no name: only small letters, digits, - and _, "
    assert str(error.value) == f"{place}{message}since DVC takes a dot for a separator; write {other}"


@pytest.mark.parametrize("name", [1, 1.5, None, True, date(2024, 1, 1)])
def test_a_name_that_yaml_reads_as_something_else_is_refused(name: Any) -> None:
    with pytest.raises(UserError, match=r"^params\.yaml: ingest\.corpora\..+: YAML reads this .* in quotes"):
        parse(changed("ingest.corpora", VALUES["ingest"]["corpora"] | {name: CORPUS}))


def test_a_wrong_name_that_is_used_often_is_one_mistake() -> None:
    values = changed("ingest.corpora", VALUES["ingest"]["corpora"] | {"alpaca-v1.1": CORPUS})
    reads = {"reads": "ingested/alpaca-v1.1", "remove": [], "ngram": 13}
    values["decontaminate"]["corpora"]["alpaca-v1.1"] = reads
    values["train"]["runs"]["it"]["reads"] = "augmented/alpaca-v1.1.plain"
    values["rewrite"]["corpora"]["seed"]["reads"] = "ingested/alpaca-v1.1"
    with pytest.raises(UserError) as error:
        parse(values)
    assert str(error.value) == (
        "params.yaml: ingest.corpora.alpaca-v1.1: 'alpaca-v1.1' is no name: only small letters, digits, - and _, since "
        "DVC takes a dot for a separator; write alpaca-v1-1 (also at decontaminate.corpora.alpaca-v1.1, "
        "decontaminate.corpora.alpaca-v1.1.reads, rewrite.corpora.seed.reads and 1 more)"
    )


def test_two_missing_keys_are_two_mistakes_and_one_wrong_value_is_one() -> None:
    values = changed("judge.attempts", 1)
    del values["judge"]["attempts"], values["publish"]["seqeval"]["version"]
    for corpus in values["ingest"]["corpora"].values():
        corpus["sample"] = "none"
    with pytest.raises(UserError) as error:
        parse(values)
    told = str(error.value).removeprefix("params.yaml: 3 mistakes: ").split("; ")
    assert told[0].startswith("ingest.corpora.seed.sample: must be a whole number (given: 'none') (also at ")
    assert told[0].endswith(" and 2 more)")
    assert told[1:] == ["judge.attempts: must be given", "publish.seqeval.version: must be given"]


@pytest.mark.parametrize("price", [{"input": 1, "output": 2}, {"input": -1, "output": 2, "currency": "USD"}, 7])
def test_a_mistake_in_costs_that_roles_share_is_reported_once(price: Any) -> None:
    with pytest.raises(UserError, match=r"^params\.yaml: costs\.generator\.price[^;]*$"):
        parse(changed("costs", {"generator": {"price": price}}))


@pytest.mark.parametrize("section", ["train", "predict", "rewrite", "compare", "judge_tasks", "decontaminate"])
def test_missing_settings_are_one_mistake_however_many_entries_need_them(section: str) -> None:
    values = copy.deepcopy(VALUES)
    del values[section]["settings"]
    with pytest.raises(UserError) as error:
        parse(values)
    assert re.fullmatch(
        rf"params\.yaml: {section}\.settings: needed by {section}\.\S+( and \d+ more)?; add it", str(error.value)
    )


MANY = {
    "respond.settings.sampling.temperatur": (1.0, "unknown key; did you mean 'temperature'?"),
    "rewrit": ({}, "unknown key; did you mean 'rewrite'?"),
    "judge_tasks.settings.lister": ("sentence", "; did you mean 'sentences'?"),
    "train.runs.sit.reads": ("extracted/flatt", "unknown 'extracted/flatt'; did you mean 'extracted/flat'"),
    "engines.judge.model": ("smollm", "unknown 'smollm'; did you mean 'smollm2'?"),
    "evaluate.pass_at": ([0], "evaluate.pass_at.0: must be at least 1 (given: 0)"),
    "rewrite.corpora.seed.policy": ("fixed", "policy fixed takes one action, not 4"),
}


def test_mistakes_in_values_names_and_combinations_are_reported_together() -> None:
    values = copy.deepcopy(VALUES)
    for path, (value, _) in MANY.items():
        *parents, last = path.split(".")
        place = values
        for key in parents:
            place = place[key]
        place[last] = value
    with pytest.raises(UserError) as error:
        parse(values)
    assert str(error.value).startswith("params.yaml: 7 mistakes: ")
    assert [message for _, message in MANY.values() if message not in str(error.value)] == []


def test_what_follows_from_a_mistake_is_no_mistake_of_its_own() -> None:
    values = changed("fetch.models.smollm2.reference", "nothing")
    values["rewrite"]["settings"]["sampling"]["top_p"] = 7
    values["ingest"]["corpora"]["seed"]["sample"] = 0
    values["decontaminate"] = "none"
    with pytest.raises(UserError) as error:
        parse(values)
    assert str(error.value).startswith("params.yaml: 4 mistakes: ")


def test_dvc_addresses_names_that_are_accepted(tmp_path: Path) -> None:
    names = [
        "0",
        "7b",
        "1e5",
        "0x1f",
        "null",
        "on",
        "true",
        "2024-01-01",
        "a-b",
        "a_b",
        "x--",
        "key",
        "item",
        "x" * 100,
    ]
    assert all(field_types.ADDRESSABLE.fullmatch(name) for name in names)
    stage = {"foreach": "${entries}", "do": {"cmd": "true", "params": ["entries.${key}"], "outs": ["${key}.jsonl"]}}
    dump_yaml(str(tmp_path / "dvc.yaml"), {"stages": {"s": stage}})
    dump_yaml(str(tmp_path / "params.yaml"), {"entries": {name: {"value": 1} for name in names}})
    with contextlib.chdir(tmp_path), Repo.init(no_scm=True) as repo:
        for name in names:
            (stage,) = repo.stage.collect(f"s@{name}")
            assert stage.deps[0].read_params() == {f"entries.{name}": {"value": 1}}


@pytest.mark.parametrize(("path", "value", "told"), MISTAKES)
def test_a_mistake_is_told_with_its_path(path: str, value: Any, told: str) -> None:
    with pytest.raises(UserError) as error:
        parse(changed(path, value))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_no_more_mistakes_are_told_than_a_person_reads() -> None:
    with pytest.raises(UserError, match=r"; and 12 more$"):
        parse(VALUES | {f"surprise-{number}": 1 for number in range(20)})
    with pytest.raises(UserError) as error:
        parse(changed("train.settings.template", "x" * 10**6))
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("name", registry.BENCHMARKS)
def test_a_registered_benchmark_is_as_its_line_says(name: str) -> None:
    entry, declared = registry.BENCHMARKS[name], BENCHMARKS[name]
    assert ("judge_agreement" in entry.sections) is declared.judge
    assert ("compare" in entry.sections) is not (declared.suite or bool(declared.grade_choices))
    assert ("pass_at" in entry.settings) is bool(declared.program)
    assert set(entry.sections) <= {"compare", "judge_tasks", "judge_agreement"} and set(entry.settings) <= {
        "languages", "images", "pass_at",
    }  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_stands_in_its_place_a_value_is_taken_or_told(data: st.DataObject) -> None:
    *parents, last = data.draw(st.sampled_from(PLACES))
    values = copy.deepcopy(VALUES)
    place = values
    for key in parents:
        place = place[key]
    other = data.draw(st.sampled_from(PLACES).map(at) | ODD)
    place[last] = other
    try:
        parse(values)
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 4000


def test_a_run_and_a_benchmark_may_each_name_the_other() -> None:
    values = changed("predict.models", {"smollm2": {}})
    values["train"]["runs"]["it"]["benchmarks"] = ["gqa", "xquad"]
    values["predict"]["benchmarks"]["gqa"]["runs"] = ["it", "smollm2"]
    values["compare"] |= {"runs": {}, "references": {}}
    values["judge_tasks"]["runs"] = {}
    params = parse(values)
    assert list(params.benchmarks_of("it")) == ["xquad", "gqa"]
    left_out = [set(params.predict.benchmarks) - set(params.benchmarks_of(run)) for run in ("sit", "smollm2")]
    assert left_out == [{"gqa"}, set()]


def test_a_run_that_nothing_asks_is_told() -> None:
    values = changed("predict.models.smollm2", {})
    for asked in values["predict"]["benchmarks"].values():
        asked["runs"] = ["it", "sit"]
    with pytest.raises(UserError, match=r"predict\.models\.smollm2: answers no benchmark; remove it"):
        parse(values)


def test_a_section_under_its_former_name_gets_the_name_it_has_now() -> None:
    values = {("mark" if name == "judge_tasks" else name): value for name, value in VALUES.items()}
    with pytest.raises(UserError, match="mark: this section is called judge_tasks now; rename it"):
        parse(values)


def test_a_missing_key_is_told() -> None:
    values = copy.deepcopy(VALUES)
    del values["judge"]["attempts"]
    with pytest.raises(UserError, match=r"judge\.attempts: must be given"):
        parse(values)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a: [", "not YAML"), (b"\xff\xfe", "not UTF-8"), (b"", "params.yaml: empty; `seqit use embedded`"),
        (b"[1]", "params.yaml: must be a table"), (b"seed: 2020-13-45", "not YAML: month must be"),
        (b"seed: !!bool z", "not YAML"), (b"a: &a [*a]", "an alias is inside of what it stands for"),
        (b"a: &a {b: *a}", "nested too deeply"), (b"[" * 3000, "nested too deeply"),
        (b"seed: 1\nseed: 2", r'found duplicate key "seed".*\(line: 2\)$'),
    ],
)  # fmt: skip
def test_files_that_are_no_params(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(UserError, match=told):
        load(tmp_path / "params.yaml")


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be read"):
        load(tmp_path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load(tmp_path / "params.yaml")


def test_floats_as_dvc_writes_them(tmp_path: Path) -> None:
    text = (ROOT / "stages/profiles/full.yaml").read_text().replace("learning_rate: 0.0001", "learning_rate: 1e-05")
    (tmp_path / "params.yaml").write_text(text)
    assert load(tmp_path / "params.yaml").train.settings.learning_rate == 1e-5


def profile_path(profile: str) -> Path:
    return ROOT / ("params.yaml" if profile == "embedded" else f"stages/profiles/{profile}.yaml")


@pytest.mark.parametrize("profile", ["embedded", "paper"])
def test_dvc_changes_nothing_of_a_profile_but_the_value(tmp_path: Path, profile: str) -> None:
    """`dvc exp run -S` writes the file anew, without quotes and comments that it does not keep."""
    from dvc.utils.hydra import apply_overrides

    path = tmp_path / "params.yaml"
    text = profile_path(profile).read_text()
    path.write_text(text)
    apply_overrides(str(path), ["seed=7", "respond.settings.sampling.temperature=0.25"])
    before, after = (YAML(typ="safe").load(one) for one in (text, path.read_text()))
    before["seed"], before["respond"]["settings"]["sampling"]["temperature"] = 7, 0.25
    assert before == after
    old, new = text.splitlines(), path.read_text().splitlines()
    rewritten = [line for line in difflib.ndiff(old, new) if line[:2] in ("- ", "+ ")]
    assert len(rewritten) == 4, "DVC writes these lines in another form; write them as DVC does:\n" + "\n".join(
        rewritten
    )


def keys(value: Any) -> set[str]:
    """The names of all values, however deep, without those of sections and entries."""
    if isinstance(value, list):
        return set().union(*map(keys, value))
    if not isinstance(value, dict):
        return set()
    return {name for name, part in value.items() if not isinstance(part, dict)} | keys(list(value.values()))


def test_every_value_is_explained() -> None:
    """On its own line, or in a comment that speaks of it."""
    lines = (ROOT / "stages/profiles/full.yaml").read_text().splitlines()
    told = {word for line in lines if "#" in line for word in re.findall(r"[\w-]+", line)}
    assert keys(VALUES) - told == set()


def test_a_role_takes_from_the_generator_what_it_leaves_out() -> None:
    values = copy.deepcopy(VALUES)
    values["engines"] = {
        "generator": {
            "model": "smollm2",
            "engine": "embedded",
            "options": {"batch": 64, "threads": 2, "precision": "native"},
        },
        "judge": {"model": "smollm2", "options": {"threads": 8}},
        "reviewer": {"model": "smollm2", "engine": "scripted", "options": {"rules": "r"}},
        "tuned": {},
    }
    values["costs"] = {"generator": {"speed": {"input": 1, "output": 2}}}
    engines = parse(values).engines
    assert (
        engines.judge.options == {"batch": 64, "threads": 8, "precision": "native"}
        and engines.judge.engine == "embedded"
    )
    assert (engines.tuned.engine, engines.tuned.model) == ("embedded", None)
    assert (engines.reviewer.engine, engines.reviewer.options) == ("scripted", {"rules": "r"})
    speeds = [engine.speed is not None for engine in (engines.judge, engines.reviewer, engines.tuned)]
    assert speeds == [True, False, True]


def test_an_entry_takes_from_the_settings_what_it_leaves_out_table_by_table() -> None:
    values = copy.deepcopy(VALUES)
    shared = {"temperature": 0.5, "top_p": 0.9, "top_k": 7, "max_tokens": 11}
    values["predict"]["settings"] = {"samples": 2, "template": "chat", "sampling": shared}
    values["predict"]["benchmarks"] = {"seqeval": {"sampling": {"max_tokens": 99}}, "alpaca_eval": {"samples": 3}}
    values["evaluate"]["pass_at"] = [1]
    predicted = parse(values).predict.benchmarks
    assert predicted["seqeval"].sampling.model_dump() == shared | {"max_tokens": 99}
    assert [predicted[name].samples for name in ("seqeval", "alpaca_eval")] == [2, 3]
    assert parse(values).train.runs["it"].recipe == parse(values).train.settings


def test_sentences_are_joined_by_a_semicolon_only_after_a_letter() -> None:
    assert joined(["a", "", "b?", "c.", "d"]) == "a; b? c. d" and joined([]) == ""


def test_a_mistake_in_yaml_is_about_the_file(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("a: [1\nb: 2")
    with pytest.raises(UserError, match="not YAML") as error:
        load(tmp_path / "params.yaml")
    assert "<unicode string>" not in str(error.value)
