"""The card of a repository with several configs: Markdown with the Hub's YAML front matter."""

from collections.abc import Mapping, Sequence
from typing import Any

from stages.publishing import card, card_metadata
from stages.publishing.column_meanings import QUERY_MAKER, meanings
from stages.publishing.facts import Facts, Validation
from stages.publishing.markdown import Safe, code, escaped, table
from stages.publishing.parquet import Written
from stages.publishing.repository_configs import CONFIG, ID, PROVENANCE, Config, origin_features
from stages.publishing.repository_facts import RepositoryFacts, all_configs

KINDS = {
    "preference": "preference pairs", "grpo": "prompts with verifiable rewards (TRL)",
    "rlvr": "prompts with verifiable rewards (open-instruct)",
}  # fmt: skip
BENCHMARK, TRAINING = "a benchmark without responses", "instructions with responses"


def text(
    facts: RepositoryFacts, configs: Sequence[Config], own: Mapping[str, Written], origin: Mapping[str, Written]
) -> str:
    """The README.md of a repository: the same facts and files give the same bytes.

    own, origin: config -> the files of its rows, and those of their origin.
    """
    together = all_configs(facts.name, facts.version, facts.configs)
    entries, info = _configs(facts, configs, own, origin), _info(configs, own, origin)
    front = card_metadata.of_configs(together, entries, info, card.LICENCES)
    sections = [f"---\n{front}\n---", f"# {escaped(facts.name)}", _summary(facts), _use(facts)]
    sections += [card.cautions(together), _overview(facts), _columns(configs), _making(facts), _quality(facts)]
    sections += [_overlaps(facts), card.sources(together), _again(facts), card.CITATION]
    return "\n\n".join(section for section in sections if section) + "\n"


def _configs(
    facts: RepositoryFacts, configs: Sequence[Config], own: Mapping[str, Written], origin: Mapping[str, Written]
) -> list[dict[str, Any]]:
    """`configs` of the front matter."""
    entries = [
        {
            "config_name": config.name, **({"default": True} if config.name == facts.default else {}),
            "data_files": [{"split": config.facts.split, "path": _path(own[config.name])}],
        }
        for config in configs
    ]  # fmt: skip
    origins = [
        {"split": split, "path": [_path(origin[config.name]) for config in of_split]}
        for split, of_split in _by_split(configs)
    ]
    return [*entries, {"config_name": PROVENANCE, "data_files": origins}]


def _info(configs: Sequence[Config], own: Mapping[str, Written], origin: Mapping[str, Written]) -> list[dict[str, Any]]:
    """`dataset_info` of every config."""
    infos = [_info_of(config.name, config.features, [([config], own)]) for config in configs]
    splits = [(of_split, origin) for _, of_split in _by_split(configs)]
    return [*infos, _info_of(PROVENANCE, origin_features(configs), splits)]


def _info_of(
    name: str, features: list[dict[str, Any]], splits: Sequence[tuple[Sequence[Config], Mapping[str, Written]]]
) -> dict[str, Any]:
    described = [
        {
            "name": of_split[0].facts.split, "num_bytes": sum(written[one.name].table_bytes for one in of_split),
            "num_examples": sum(one.facts.rows for one in of_split),
        }
        for of_split, written in splits
    ]  # fmt: skip
    return {
        "config_name": name, "features": features, "splits": described,
        "download_size": sum(written[one.name].file_bytes for of_split, written in splits for one in of_split),
        "dataset_size": sum(int(str(split["num_bytes"])) for split in described),
    }  # fmt: skip


def _by_split(configs: Sequence[Config]) -> list[tuple[str, list[Config]]]:
    names = dict.fromkeys(config.facts.split for config in configs)
    return [(name, [config for config in configs if config.facts.split == name]) for name in names]


def _path(written: Written) -> str:
    first = written.files[0]
    return first if len(written.files) == 1 else f"{first.partition('-00000-of-')[0]}-*.parquet"


def _summary(facts: RepositoryFacts) -> str:
    return (
        "Instruction data made by seqit, a re-implementation of [*Fine-Tuning Large Language Models with Sequential "
        f"Instructions*]({card.PAPER}) (Hu et al., NAACL 2025), as several configs of one repository.\n\n"
        f"Version {escaped(facts.version)}, {facts.rows:,} rows in {len(facts.configs)} configs.  \n"
        f"SHA-256 of all rows: {code(facts.rows_sha256)}"
    )


def _place(facts: RepositoryFacts) -> str:
    return f'"{facts.repository}"' if facts.repository else f'"data/repositories/{facts.name}"'


def _use(facts: RepositoryFacts) -> str:
    place, tag = _place(facts), f', revision="v{facts.version}"' if facts.repository else ""
    chosen = facts.configs[facts.default]
    lines = [
        "from datasets import load_dataset", "",
        f'rows = load_dataset({place}, split="{chosen.split}"{tag})  # the default config, {facts.default}',
    ]  # fmt: skip
    others = [(name, one) for name, one in facts.configs.items() if name != facts.default][:1]
    lines += [f'others = load_dataset({place}, "{name}", split="{one.split}"{tag})' for name, one in others]
    lines.append(f'origin = load_dataset({place}, "{PROVENANCE}", split="{chosen.split}"{tag})')
    follow = (
        f"A config has what one trains on or reads. The config {code(PROVENANCE)} has the rest of every row: its "
        "source row, and each step with model, prompt files, sampling and the keys of replies. Its columns `config` "
        "and `id` name the row, and within a config the order is the same."
    )
    return "\n\n".join(["## Use", "```python\n" + "\n".join(lines) + "\n```", *_trainers(facts), follow])


def _trainers(facts: RepositoryFacts) -> list[str]:
    trained = [name for name, one in facts.configs.items() if one.split == "train" and one.form not in KINDS]
    if not trained:
        return []
    name = facts.default if facts.default in trained else trained[0]
    address = str(facts.repository or f"data/repositories/{facts.name}")
    tag = f", revision: v{facts.version}" if facts.repository else ""
    entry = f"datasets:\n  - {{path: {address}{tag}, name: {name}, split: train, type: chat_template}}"
    return [
        "TRL's SFTTrainer takes `rows` as they are, and trains on the column `messages`; the columns `instruction`, "
        f"`input` and `output` are Alpaca's. Axolotl:\n\n```yaml\n{entry}\n```"
    ]


def _overview(facts: RepositoryFacts) -> str:
    rows = [
        (
            Safe(f"{code(name)} (default)") if name == facts.default else code(name), one.split,
            f"{one.rows:,} rows", _kind(one), code(one.artifact), one.version, code(one.rows_sha256),
        )
        for name, one in facts.configs.items()
    ]  # fmt: skip
    head = ["config", "split", "rows", "holds", "artifact of seqit", "version of the set", "SHA-256 of the rows"]
    return (
        "## Configs\n\n" + table(head, rows) + "\n\nThe hash of a config is over its rows joined with their origin, as "
        "canonical JSON, one a line; `seqit verify` joins them. The hash of all is that of the JSON object of these."
    )


def _kind(facts: Facts) -> str:
    return KINDS.get(str(facts.form), BENCHMARK if facts.split == "test" else TRAINING)


def _columns(configs: Sequence[Config]) -> str:
    kinds: dict[tuple[str, ...], list[Config]] = {}
    for config in configs:
        kinds.setdefault((*config.columns, config.facts.split), []).append(config)
    parts = ["## Columns"]
    for alike in kinds.values():
        first, names = alike[0], ", ".join(code(config.name) for config in alike)
        parts += [f"Of {names}:", _meanings(first.columns, first.facts)]
    origins = [feature["name"] for feature in origin_features(configs)]
    rows_first = sorted(configs, key=lambda config: config.facts.form in KINDS)[0]
    note = f"{code(CONFIG)} and {code(ID)} name the row; a column that rows of a config do not have is null."
    if any(config.facts.split == "test" for config in configs):
        note += f" In split `test`, of {code('generator')}, {code('sampling')} and {code('reply')}: {QUERY_MAKER}."
    meant = _meanings([name for name in origins if name not in (CONFIG, ID)], rows_first.facts, "train")
    return "\n\n".join([*parts, f"Of {code(PROVENANCE)}: {note}", meant])


def _meanings(columns: Sequence[str], facts: Facts, split: str = "") -> str:
    groups = meanings(columns, str(facts.form or ""), split or facts.split)
    return table(
        ["column", "meaning"], [(Safe(", ".join(map(code, names))), Safe(meaning)) for names, meaning in groups]
    )


def _making(facts: RepositoryFacts) -> str:
    head = ["config", "stage", "round", "action", "status", "rows"]
    tables = [
        ("What each stage did, by round, counted from the rows' own `steps`:", head, _each(facts, "steps")),
        (
            "Models that wrote, with the number of steps they made:", ["config", "generator", "steps"],
            [(code(name), code(model), count) for name, one in facts.configs.items()
             for model, count in one.generators.items()],
        ),
        (
            "Prompt files, by the first 16 hex digits of the SHA-256 of their text as canonical JSON; where two are "
            "joined by +, the first chose the action:",
            ["config", "stage", "action", "prompt", "steps"],
            [(*before, code(prompt), count) for *before, prompt, count in _each(facts, "prompts")],
        ),
        (
            "Sampling:", ["config", "stage", "sampling", "steps"],
            [(*before, code(sampling), count) for *before, sampling, count in _each(facts, "samplings")],
        ),
    ]  # fmt: skip
    shown = [part for opening, names, rows in tables if rows for part in (opening, table(names, rows))]
    return "\n\n".join(["## How the rows were made", *(shown or ["Nothing was done: as ingested."])])


def _each(facts: RepositoryFacts, field: str) -> list[tuple[Any, ...]]:
    """The entries of a list of every config's facts, each with the config before it."""
    return [(code(name), *entry) for name, one in facts.configs.items() for entry in getattr(one, field)]


def _quality(facts: RepositoryFacts) -> str:
    checked = [(name, one, one.validation) for name, one in facts.configs.items()]
    rows = [
        (
            code(name), done.expectations, code(done.suite), done.rows, done.quarantined,
            Safe(", ".join(f"{code(reason)} {count:,}" for reason, count in done.reasons.items()) or "-"),
            one.outputs.get("empty", 0) if isinstance(one.outputs, dict) else "",
        )
        for name, one, done in checked if isinstance(done, Validation)
    ]  # fmt: skip
    head = ["config", "expectations", "suite", "rows of the artifact", "failed", "by expectation", "without output"]
    opening = (
        "Great Expectations checked each artifact; rows that failed an expectation are not published. Rows without an "
        "output are in the set, and seqit does not train on them."
    )
    return f"## Data quality\n\n{opening}\n\n{table(head, rows)}" if rows else ""


def _overlaps(facts: RepositoryFacts) -> str:
    rows = [
        (name, "nothing" if action == "clean" else code(str(action).removeprefix("overlap:")), count)
        for name, stage, _, action, _, count in _each(facts, "steps") if stage == "decontaminate"
    ]  # fmt: skip
    opening = (
        "Before anything was made of them, source rows were held against the benchmarks of this project and against "
        "each other: whole texts, and runs of as many words as the table says. Rows that are not counted here were not "
        "compared."
    )
    head = ["config", "found (benchmark:run, or of another row)", "rows"]
    return f"## Overlap with benchmarks\n\n{opening}\n\n{table(head, rows)}" if rows else ""


def _again(facts: RepositoryFacts) -> str:
    seeds = {one.seed for one in facts.configs.values() if isinstance(one.seed, int)}
    origin = f" (seed {code(min(seeds))})" if len(seeds) == 1 else ""
    return (
        f"## Make it again, or check it\n\nIn a checkout of seqit{origin} with the params.yaml and prompt files of "
        f"this version:\n\n```sh\ndvc repro publish_repository@{facts.name}\n```\n\nThe same models, prompts, seed and "
        "sampling give rows with the same hashes; `provenance.json` holds the facts of this card for programs. `seqit "
        "verify` on a copy of the whole repository compares it with its hashes (one for each row in `rows.sha256` of a "
        "config), and with stored replies, prompt files and source rows."
    )
