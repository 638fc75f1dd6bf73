"""The card of a data set: Markdown with the Hub's YAML front matter."""

import json

from stages.core.languages import base
from stages.publishing.facts import Facts
from stages.publishing.licence_spellings import HUB, link, spelled
from stages.publishing.licences import named
from stages.publishing.markdown import Safe, code, escaped, table

SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M")
)  # fmt: skip

RESPONSE_MAKER = (
    "The model that wrote the output, or the last part of it, how it drew tokens (JSON), and the key of its reply in "
    "seqit's reply store; empty where the output is the source's own"
)
QUERY_MAKER = (
    "The model with which `action` changed the instruction, how it drew tokens (JSON), and the key of its reply in "
    "seqit's reply store; empty where no model changed it"
)
COLUMNS = {
    "id": "Corpus and the first 16 hex digits of the source row's hash: it depends on the row's text alone; then -2, "
    "-3 for rows of equal text, and .1, .2 for the tasks that a row was split into",
    "instruction": "What the user asks, after all rounds",
    "input": "What the instruction is about, said after it and a blank line; often empty",
    "output": "The response",
    "reasoning": "The model's reasoning before the output, if it reasoned",
    "iteration": "Rounds of Seq-Instruct that the row went through, whatever came of them",
    "system": "The system prompt, if the row has one",
    "history": "Earlier turns, oldest first; empty for single-turn rows",
    "image": "File name of an image; never the pixels",
    "corpus": "The corpus as named in seqit's params.yaml",
    "language, licence": "Of the source row",
    "source_reference, source_row, source_sha256": "Where the row came from: reference, 0-based position, and the "
    "SHA-256 of the source row as canonical JSON (keys sorted, UTF-8, no spaces)",
    "tasks, chain": "Number of tasks of the instruction: one, and one for each task that a round or a manual chain "
    "added; and whether these are several. What the source row asks for counts as one task",
    "rounds": "Rounds of Seq-Instruct or of evolution that the row went through, whatever came of them; 0 for none",
    "round": "The round in which `action` changed the instruction; 0 where that was no round, or nothing changed it",
    "action": "What changed the instruction last (decompose, prefix, suffix, constrain, a chain, or an evolution; not "
    "that it was split into its tasks); `hold` where nothing did and the last round chose to leave it as it was, empty "
    "where nothing did for another reason",
    "status": "How the last attempt to change the instruction ended, empty for none; ok and frozen (held in an earlier "
    "round) are no failures",
    "generator, sampling, reply": RESPONSE_MAKER,
    "prompt": "Hashes of the prompt files with which `action` changed the instruction, joined by +; empty where no "
    "model changed it",
    "steps": "The same for every step that was tried, in order, with its status (ok, frozen, unparsed, rejected, "
    "truncated, thought, refused, failed)",
}
REWARD_COLUMNS = {
    "prompt": "The prompt as chat messages",
    "messages": "The prompt as chat messages",
    "checks": "What a completion must satisfy: a JSON list of {name, arguments}, graded by `stages.verified.rewards`",
    "ground_truth": "What a completion must satisfy: a JSON list of {name, arguments}, graded by "
    "`stages.verified.rewards`",
    "dataset": "The name of the verifier, seqit",
    "language, licence": "Of the source row",
    "source_sha256": "SHA-256 of the source row as canonical JSON",
}
PREFERENCE_COLUMNS = {
    "id": "The row, and the place of the rejected response among those to its prompt",
    "prompt": "The prompt as chat messages",
    "chosen": "A response that the filter accepted, as a chat message",
    "rejected": "A response to the same prompt that it did not accept, as a chat message",
    "reason": "Why: check (a rule that the prompt states is not satisfied) or judge (a judge did not accept it)",
    "language, licence": "Of the source row",
    "source_sha256": "SHA-256 of the source row as canonical JSON",
}
GRPO_ONLY, RLVR_ONLY = {"prompt", "checks"}, {"messages", "ground_truth", "dataset"}
LICENCES = "LICENSE.md"
"""The file that says more of a licence that is "other"."""
BENCHMARK_ONLY = {"iteration"}
TRAINING_ONLY = {"output", "history", "image", "rounds", "round"}


def dataset(facts: Facts) -> str:
    """The README.md of a published data set: the same facts give the same bytes."""
    sections = [_front(facts), f"# {escaped(facts.name)}", _summary(facts), _use(facts)]
    sections += [_cautions(facts), _columns(facts), _making(facts), _overlaps(facts), _sources(facts), _again(facts)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _front(facts: Facts) -> str:
    languages = sorted({base(language) for language in facts.languages} - {""})
    fields = {
        "pretty_name": facts.name, "license": facts.licence, "language": languages,
        "multilinguality": ["multilingual" if len(languages) > 1 or "multi" in facts.languages else "monolingual"],
        "size_categories": [next((name for limit, name in SIZES if facts.rows < limit), "n>10M")],
        "task_categories": ["text-generation"],
        "tags": ["instruction-tuning", "sequential-instructions", "synthetic", "seqit"],
    }  # fmt: skip
    if facts.licence == "other":
        fields["license_name"] = named(licence for _, licence, _ in facts.sources)
        fields["license_link"] = LICENCES
    written = [f"{key}: {json.dumps(value)}" for key, value in fields.items() if value]
    files = [
        "configs:", "- config_name: default", "  data_files:", f"  - split: {facts.split}",
        f"    path: data/{facts.split}.parquet",
    ]  # fmt: skip
    return "\n".join(["---", *written, *files, "---"])


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
        f"{what} Made by seqit, a re-implementation of *Fine-Tuning Large Language Models with Sequential "
        f"Instructions* (Hu et al., NAACL 2025).\n\nVersion {escaped(facts.version)}, {facts.rows:,} rows, from the "
        f"artifact {code(facts.artifact)}.  \n"
        f"SHA-256 of the rows (canonical JSON, one a line): {code(facts.rows_sha256)}"
    )


def _use(facts: Facts) -> str:
    return (
        "## Use\n\n```python\nfrom datasets import load_dataset\n\n"
        f'rows = load_dataset("path/or/organisation/{facts.name}", split="{facts.split}")\n```'
    )


def _cautions(facts: Facts) -> str:
    return "## Read before use\n\n" + "\n".join(f"- {text}" for text in facts.cautions) if facts.cautions else ""


def _columns(facts: Facts) -> str:
    if facts.form == "preference":
        return "## Columns\n\n" + table(
            ["column", "meaning"], [(code(name), Safe(text)) for name, text in PREFERENCE_COLUMNS.items()]
        )
    if facts.form:
        other = RLVR_ONLY if facts.form == "grpo" else GRPO_ONLY
        columns = {"id": COLUMNS["id"], **REWARD_COLUMNS}
        rows = [(code(name), Safe(text)) for name, text in columns.items() if name not in other]
        return "## Columns\n\n" + table(["column", "meaning"], rows)
    left_out = TRAINING_ONLY if facts.split == "test" else BENCHMARK_ONLY
    left_out = left_out if facts.reasoning else left_out | {"reasoning"}
    columns = COLUMNS | ({"generator, sampling, reply": QUERY_MAKER} if facts.split == "test" else {})
    shown = [(code(name), Safe(text)) for name, text in columns.items() if name not in left_out]
    return "## Columns\n\n" + table(["column", "meaning"], shown)


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


def _sources(facts: Facts) -> str:
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
    return (
        "## Make it again\n\nIn a checkout of seqit with the params.yaml and prompt files of this version:\n\n"
        f"```sh\ndvc repro publish@{facts.name}\n```\n\nThe same models, prompts, seed and sampling give rows with the "
        "same hash; `provenance.json` holds the facts of this card for programs."
    )
