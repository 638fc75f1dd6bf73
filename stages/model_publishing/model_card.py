"""The card of a trained model: Markdown with the Hub's YAML front matter."""

from collections.abc import Mapping, Sequence

from stages.model_publishing import model_card_metadata
from stages.model_publishing.hub_results import FOLDER, Leaderboard
from stages.model_publishing.model_facts import ModelFacts, Score
from stages.model_publishing.scores import is_judged, main_measure, meanings, setup, title
from stages.publishing.card import CITATION, PAPER
from stages.publishing.markdown import Safe, code, escaped, table

LICENCES = "LICENSE.md"
"""The file that says more of a licence that is "other"."""
POINTS = 12
"""Most steps of the loss curve that a card shows; metrics of the run have all."""
Sources = Sequence[tuple[str, str, int]]
"""(reference, licence, rows) of what the rows of a model are from."""


def model_card(
    facts: ModelFacts, curve: Sequence[tuple[int, float]], leaderboards: Mapping[str, Leaderboard], sources: Sources
) -> str:
    """The README.md of a published model: the same facts give the same bytes.

    curve: (step, loss) of every optimiser step.
    """
    licences = [licence for _, licence, _ in sources]
    front = model_card_metadata.front_matter(facts, leaderboards, licences, LICENCES)
    sections = [f"---\n{front}\n---", f"# {escaped(facts.name)}", _summary(facts), _use(facts), _cautions(facts)]
    sections += [_evaluation(facts, leaderboards), _limits(facts), _training(facts), _curve(curve)]
    sections += [_licences(facts, sources), _again(facts), CITATION]
    return "\n\n".join(section for section in sections if section) + "\n"


def licences_file(facts: ModelFacts, sources: Sources) -> str:
    """The file LICENCES of a model that is under no one licence which the Hub knows."""
    opening = "No one licence that the Hub knows covers this model. Its base model and the rows that trained it have:"
    return "\n\n".join(["# Licences", opening, _parts(facts, sources), *(f"- {t}" for t in facts.cautions)]) + "\n"


def _summary(facts: ModelFacts) -> str:
    base, data = facts.base, facts.dataset
    origin = f"{code(base.repository)}, " if isinstance(base.repository, str) else ""
    rows = f"{code(data.name)}, version {code(data.version)}"
    if isinstance(data.repository, str):
        address = f"https://huggingface.co/datasets/{data.repository}/tree/v{data.version}"
        rows = f"[{escaped(data.repository)}]({address}), tag {code(f'v{data.version}')}"
    return (
        f"A language model, fine-tuned on {facts.training['rows']['used']:,} rows of {rows}, by seqit, a "
        f"re-implementation of [*Fine-Tuning Large Language Models with Sequential Instructions*]({PAPER}) (Hu et al., "
        f"NAACL 2025).\n\nVersion {escaped(facts.version)}, the run {code(facts.run)}. Base model: "
        f"{origin}{code(base.reference)} ({code(base.identity)}).  \n"
        f"SHA-256 of the weights: {code(facts.weights_sha256)}"
    )


def _use(facts: ModelFacts) -> str:
    place = f'"data/published_models/{facts.name}"'
    if isinstance(facts.repository, str):
        place = f'"{facts.repository}", revision="v{facts.version}"'
    kind = "AutoModelForImageTextToText" if facts.images is True else "AutoModelForCausalLM"
    reader = "AutoProcessor" if facts.images is True else "AutoTokenizer"
    example = (
        f"## Use\n\n```python\nfrom transformers import {kind}, {reader}\n\n"
        f"model = {kind}.from_pretrained({place})\ntokenizer = {reader}.from_pretrained({place})\n"
        'messages = [{"role": "user", "content": "Name a river in Europe, then the countries it flows through."}]\n'
        'inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", '
        "return_dict=True)\nanswer = model.generate(**inputs, max_new_tokens=128)\n"
        'print(tokenizer.decode(answer[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))\n```'
    )
    template = (
        "The chat template marks replies with `{% generation %}`: `apply_chat_template(…, "
        "return_assistant_tokens_mask=True)` and TRL's `assistant_only_loss=True` work, and the text is, byte for "
        "byte, that of the template it was trained with"
        if facts.template.marks_replies
        else "The chat template is the one it was trained with; it marks no replies, so TRL's `assistant_only_loss` "
        "needs another"
    )
    return f"{example}\n\n{template} (`{facts.template.trained}`, for programs that do not know these marks)."


def _cautions(facts: ModelFacts) -> str:
    return "## Read before use\n\n" + "\n".join(f"- {text}" for text in facts.cautions) if facts.cautions else ""


def _evaluation(facts: ModelFacts, leaderboards: Mapping[str, Leaderboard]) -> str:
    if not facts.setups:
        return ""
    parts = ["## Evaluation", "Scores with their 95% intervals over answers; in % unless the measure says otherwise."]
    parts.append(table(["benchmark", "measure", "score", "95% interval", "answers"], map(_score, facts.scores)))
    parts.append("How it was prompted and scored:")
    head = ["benchmark", "what it is", "questions from", "prompted", "scored by", "answers cut off at the limit"]
    rows = [
        (
            code(name), title(one.kind), Safe(code(one.source)), setup(one),
            Safe(f"the judge {code(one.judge)}") if isinstance(one.judge, str) else "a rule, or a program's result",
            f"{one.statuses.get('truncated', 0):,} of {one.answers:,}",
        )
        for name, one in facts.setups.items()
    ]  # fmt: skip
    parts.append(table(head, rows))
    parts.append(_meanings(facts))
    others = [name for name in facts.setups if name not in leaderboards]
    if others:
        parts.append(
            f"{', '.join(code(name) for name in others)}: not comparable with scores of the same name elsewhere, as "
            "the questions, their form (tasks in sequence) or the rules are seqit's own."
        )
    if leaderboards:
        parts.append(
            f"For leaderboards of the Hub: {', '.join(code(f'{FOLDER}/{name}.yaml') for name in leaderboards)}."
        )
    return "\n\n".join(parts)


def _score(score: Score) -> tuple[object, ...]:
    name = f"{score.measure} (marks 1 to 5)" if score.unit == "marks" else score.measure
    return (code(score.benchmark), name, f"{score.value:g}", f"{score.low:g} to {score.high:g}", score.n)


def _meanings(facts: ModelFacts) -> str:
    lines = []
    for kind in sorted({one.kind for one in facts.scores}):
        taken = [one.measure for one in facts.scores if one.kind == kind]
        known = {measure: text for measure, text in meanings(kind).items() if measure in taken}
        listed = "; ".join(f"{escaped(measure)}: {escaped(text)}" for measure, text in known.items())
        lines.append(f"- {code(kind)}, compared by {escaped(main_measure(kind))}. {listed}")
    return "\n".join(lines)


def _limits(facts: ModelFacts) -> str:
    """What the run's own numbers say it can't be trusted with."""
    languages = ", ".join(map(code, facts.languages)) or "unknown"
    points = [
        f"Languages of its training rows: {languages}. It was not trained to follow instructions in others.",
        f"Rows were at most {facts.recipe['max_length']:,} tokens long; it learned nothing about longer conversations.",
        "Nobody has tested whether its answers are safe, fair or true. It states wrong facts with the same confidence "
        "as right ones; do not let it decide anything about people, health, money or law.",
    ]
    if facts.dataset.generators:
        names = ", ".join(map(code, facts.dataset.generators))
        points.append(f"{names} wrote parts of its training rows; mistakes and habits of such models are in it.")
    if judged := sorted({one.kind for one in facts.scores if is_judged(one.kind)}):
        points.append(f"{', '.join(map(code, judged))}: a model judged the answers; judges have biases of their own.")
    for score in facts.scores:
        if score.measure == main_measure(score.kind) and score.unit == "percent" and score.value < 50:
            points.append(
                f"On {code(score.benchmark)} it fails more often than not ({escaped(score.measure)} {score.value:g}%)."
            )
    return "## What it is not good for\n\n" + "\n".join(f"- {point}" for point in points)


def _training(facts: ModelFacts) -> str:
    rows = facts.training["rows"]
    lost = ", ".join(
        f"{rows[key]:,} {words}" for key, words in (("too_long", "too long"), ("special_token", "with a special token"))
        if rows.get(key)
    )  # fmt: skip
    left_out = f" (left out: {lost})" if lost else ""
    trained = (
        f"{rows['used']:,} of {rows['read']:,} rows{left_out}, {facts.training['tokens']:,} tokens, "
        f"{facts.training['steps']:,} optimiser steps, seed {code(facts.seed)}. Loss on responses and their end of "
        "sequence only, with Axolotl."
    )
    recipe = [(code(key), "-" if value in (None, [], "") else code(value)) for key, value in facts.recipe.items()]
    return "\n\n".join(["## Training", trained, table(["setting", "value"], recipe)])


def _curve(curve: Sequence[tuple[int, float]]) -> str:
    if not curve:
        return ""
    last = len(curve) - 1
    chosen = sorted({round(i * last / (POINTS - 1)) for i in range(POINTS)}) if last else [0]
    rows = [(f"{curve[i][0]}", f"{curve[i][1]:.4f}") for i in chosen]
    return "Training loss, of single steps:\n\n" + table(["step", "loss"], rows)


def _licences(facts: ModelFacts, sources: Sources) -> str:
    return (
        "## Licence and origins\n\nThe licence above is the base model's where the rows want no more than attribution, "
        "else the strictest of both.\n\n" + _parts(facts, sources)
    )


def _parts(facts: ModelFacts, sources: Sources) -> str:
    rows: list[tuple[object, ...]] = [(Safe(f"base model {code(facts.base.reference)}"), code(facts.base.licence), "-")]
    rows += [(code(reference), code(licence), count) for reference, licence, count in sources]
    return table(["of", "licence", "rows"], rows)


def _again(facts: ModelFacts) -> str:
    rows = code(facts.dataset.rows_sha256)
    return (
        f"## Make it again, or check it\n\nIn a checkout of seqit (seed {code(facts.seed)}) with the params.yaml and "
        f"prompt files of this version:\n\n```sh\ndvc repro publish_model@{facts.name}\n```\n\nOn the same hardware "
        "the same rows and recipe give the same weights; another CPU or GPU changes their last digits. "
        "`provenance.json` has the facts of this card for programs, the hash of every file, and those of the "
        f"pipeline's outputs that it was made of. The rows have `rows_sha256` {rows}. `seqit verify` compares a copy "
        "with all of these."
    )
