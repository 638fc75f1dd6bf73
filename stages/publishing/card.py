"""The card of a data set: Markdown with the Hub's YAML front matter."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from stages.publishing import card_metadata
from stages.publishing.changes import change_tables
from stages.publishing.column_meanings import meanings
from stages.publishing.facts import Facts
from stages.publishing.licence_spellings import HUB, link, spelled
from stages.publishing.markdown import Safe, code, escaped, table
from stages.publishing.parquet import Written

LICENCES = "LICENSE.md"
"""The file that says more of a licence that is "other"."""
PAPER = f"https://arxiv.org/abs/{card_metadata.PAPER}"
BIBTEX = f"""\
@inproceedings{{hu2025sequential,
  title = {{Fine-Tuning Large Language Models with Sequential Instructions}},
  author = {{Hu, Hanxu and Yu, Simon and Chen, Pinzhen and Ponti, Edoardo M.}},
  publisher = {{Association for Computational Linguistics}},
  year = {{2025}},
  url = {{{PAPER}}}
}}"""
DESCRIBED = """\
## For programs

`croissant.json` describes the set in [Croissant 1.1](https://docs.mlcommons.org/croissant/); `mlcroissant validate
--jsonld croissant.json` checks it. `statement.intoto.json` names every file by its SHA-256, and what these were
made of: sources, prompt files, models, parameters ([in-toto](https://in-toto.io), SLSA provenance). Where the
publisher signed it, `attestation.sigstore.json` is the signature: `seqit verify FOLDER --public-key FILE`. Where
there is a `model.sig` too, `model_signing verify key FOLDER --signature FOLDER/model.sig --public_key FILE` checks
the files."""
CITATION = f"## Citation\n\nThe method is that of:\n\n```bibtex\n{BIBTEX}\n```"


def dataset(facts: Facts, written: Written, features: Sequence[Mapping[str, Any]]) -> str:
    """The README.md of a published data set: the same facts and files give the same bytes.

    features: the columns as `dataset_info` names them.
    """
    front = card_metadata.front_matter(facts, written, features, LICENCES)
    sections = [f"---\n{front}\n---", f"# {escaped(facts.name)}", _summary(facts), _use(facts)]
    sections += [cautions(facts), _columns(facts), _making(facts), _quality(facts), _overlaps(facts), sources(facts)]
    changes = change_tables.section(facts.changes) if facts.changes else ""
    sections += [changes, _again(facts), DESCRIBED, CITATION]
    return "\n\n".join(section for section in sections if section) + "\n"


def _summary(facts: Facts) -> str:
    what = (
        "Instructions that ask for several tasks in one query, to test models with: each went through one to four "
        "rounds of Seq-Instruct. There are no reference responses; a judge scores the answers."
        if facts.split == "test"
        else "Instructions and responses for supervised fine-tuning, as chains of tasks made by Seq-Instruct or as "
        "their single-task baseline."
    )
    if facts.form == "preference":
        what = (
            "Preference pairs: prompts with a response that a filter (rules, or a judge) accepted, and one that it did "
            "not accept."
        )
    elif facts.form:
        what = (
            "Prompts with verifiable rewards, for reinforcement learning: each names the checks that a completion must "
            "satisfy, as data, and a rule grades them. There are no responses."
        )
    return (
        f"{what} Made by seqit, a re-implementation of [*Fine-Tuning Large Language Models with Sequential "
        f"Instructions*]({PAPER}) (Hu et al., NAACL 2025).\n\n"
        f"Version {escaped(facts.version)}, {facts.rows:,} rows, from the artifact {code(facts.artifact)}.  \n"
        f"SHA-256 of the rows (canonical JSON, one a line): {code(facts.rows_sha256)}"
    )


def _use(facts: Facts) -> str:
    place = f'"data/published/{facts.name}"'
    if facts.repository:
        place = f'"{facts.repository}", revision="v{facts.version}"'
    example = (
        "## Use\n\n```python\nfrom datasets import load_dataset\n\n"
        f'rows = load_dataset({place}, split="{facts.split}")\n```'
    )
    if facts.form or facts.split == "test":
        return example
    return (
        f"{example}{_whole_outputs(facts)}\n\nTRL's SFTTrainer and Axolotl (`type: chat_template`) train on the "
        "column `messages`; the columns `instruction`, `input` and `output` are Alpaca's."
    )


def _whole_outputs(facts: Facts) -> str:
    """How to leave out the outputs that are cut; "" where none is."""
    cut = facts.outputs.get("truncated", 0) if facts.outputs else 0
    if not cut:
        return ""
    return (
        f"\n\nThe token limit cut {cut:,} of the {facts.rows:,} outputs, which end in the middle of a sentence; "
        "without them:\n\n```python\n"
        'whole = rows.filter(lambda row: row["output_status"] != "truncated")\n```'
    )


def cautions(facts: Facts) -> str:
    """The section of what to know before use; "" where there is nothing."""
    return "## Read before use\n\n" + "\n".join(f"- {text}" for text in facts.cautions) if facts.cautions else ""


def _columns(facts: Facts) -> str:
    groups = meanings(facts.columns, facts.form or "", facts.split)
    rows = [(Safe(", ".join(code(name) for name in names)), Safe(meaning)) for names, meaning in groups]
    return "## Columns\n\n" + table(["column", "meaning"], rows)


def _making(facts: Facts) -> str:
    generators = [(code(name), count) for name, count in facts.generators.items()]
    parts = ["## How the rows were made", "What each stage did, by round, counted from the rows' own `steps`:"]
    head = ["stage", "round", "action", "status", "rows"]
    parts.append(table(head, facts.steps) if facts.steps else "Nothing: as ingested.")
    parts += [_responses(facts)] if facts.split == "train" and _responses(facts) else []
    if generators:
        parts += ["Models that were asked, with the number of steps they made:"]
        parts.append(table(["generator", "steps"], generators))
    if facts.prompts:
        prompts = [(stage, action, code(hashed), count) for stage, action, hashed, count in facts.prompts]
        parts += [
            "Prompt files, by the first 16 hex digits of the SHA-256 of their text as canonical JSON (a quoted string, "
            "UTF-8, so not what `sha256sum` says of the file). Where two are joined by +, the first chose the action:"
        ]
        parts.append(table(["stage", "action", "prompt", "steps"], prompts))
    if facts.samplings:
        samplings = [(stage, code(sampling), count) for stage, sampling, count in facts.samplings]
        parts += ["Sampling:", table(["stage", "sampling", "steps"], samplings)]
    return "\n\n".join(parts)


def _responses(facts: Facts) -> str:
    """Where the responses come from; "" where the stage `respond` made none of them."""
    steps = [(action, int(count)) for stage, _, action, _, count in facts.steps if stage == "respond"]
    total, own = sum(count for _, count in steps), sum(count for action, count in steps if action == "keep")
    if not own:
        return "The generator wrote every response, also to instructions that no round changed." if total else ""
    return (
        f"{own:,} of {total:,} responses are the source's own (`keep`), to instructions that no round changed; the "
        "generator wrote the others."
    )


def _quality(facts: Facts) -> str:
    """What validation found, and what rows lack; "" where neither is known."""
    parts = []
    if outcome := facts.validation:
        parts.append(
            f"Great Expectations checked {outcome.expectations:,} expectations (suite {code(outcome.suite)}) on the "
            f"{outcome.rows:,} rows of the artifact: {outcome.quarantined:,} failed one or more and are not published."
        )
        failed = [(code(reason), count) for reason, count in outcome.reasons.items()]
        parts += [table(["expectation", "rows that failed it"], failed)] if failed else []
    if facts.outputs:
        empty = facts.outputs.get("empty", 0)
        parts.append(f"{empty:,} of the {facts.rows:,} rows here have no output; seqit does not train on such rows.")
    return "\n\n".join(["## Data quality", *parts]) if parts else ""


def _overlaps(facts: Facts) -> str:
    """Counted from the rows' own steps, so that it is true of the rows that are here."""
    counts = {str(action): count for stage, _, action, _, count in facts.steps if stage == "decontaminate"}
    if not counts:
        return ""
    clean = int(counts.pop("clean", 0))
    overview = (
        "## Overlap with benchmarks\n\nBefore anything was made of them, the source rows were held against the "
        "benchmarks of this project and against each other: whole texts, and runs of as many words as the table says. "
        f"{clean:,} of the {facts.rows:,} rows here share none with any benchmark, and no row before them asks the "
        "same or nearly so"
    )
    if not counts:
        return f"{overview}."
    flags = [(code(action.removeprefix("overlap:")), count) for action, count in sorted(counts.items())]
    return f"{overview}; the others:\n\n" + table(["found (benchmark:run, or of another row)", "rows"], flags)


def licences(facts: Facts) -> str:
    """The file LICENCES of a data set that is under no one licence which the Hub knows."""
    opening = "Each row is under the licence of its source, which it carries in the column `licence`."
    return "\n\n".join(["# Licences", opening, _licences(facts), *(f"- {text}" for text in facts.cautions)]) + "\n"


def sources(facts: Facts) -> str:
    """The section of sources and licences."""
    return (
        "## Sources and licences\n\nThe licence above is the strictest of the rows' own; each row carries its own in "
        "the column `licence`.\n\n" + _licences(facts)
    )


def _licences(facts: Facts) -> str:
    rows = [(code(reference), _licence(licence), count) for reference, licence, count in facts.sources]
    return table(["source", "licence", "rows"], rows)


def _licence(name: str) -> Safe:
    """As it was given, with the address where it is to be read if that is known."""
    address = "" if spelled(name) in HUB else link(name)
    return Safe(f"{code(name)} (<{address}>)") if address else code(name)


def _again(facts: Facts) -> str:
    origin = "" if facts.seed is msgspec.UNSET else f" (seed {code(facts.seed)})"
    return (
        f"## Make it again, or check it\n\nIn a checkout of seqit{origin} with the params.yaml and prompt files of "
        f"this version:\n\n```sh\ndvc repro publish@{facts.name}\n```\n\nThe same models, prompts, seed and sampling "
        "give rows with the same hash; `provenance.json` holds the facts of this card for programs. `seqit verify` "
        "compares a copy with its hashes (one for each row in `rows.sha256`), and with stored replies, prompt files "
        "and source rows. `python verify_rows.py .` compares the rows with their hashes, counts and types without "
        "seqit; it needs pyarrow alone."
    )
