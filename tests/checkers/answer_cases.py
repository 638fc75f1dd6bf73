"""Answers to the other benchmarks that a rule grades: several tasks in one prompt, numbers, choices, pictures, SIFo."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import NamedTuple

from stages.evaluation.benchmarks import BENCHMARKS, sifo
from stages.evaluation.benchmarks.questions import Question
from stages.verified.inputs import ADJECTIVES, NAMES, NOUNS, draw_input
from tests.checkers.cases import INSTANCES, Case

LABELS = "ABCDE"
SYLLABLES = ("ka", "lo", "mi", "ne", "ru", "sa", "ti", "vo", "ze", "bu", "dal", "fen", "gor", "hin", "jul", "pra")


class Answered(NamedTuple):
    """A question, its right answer, and the answers that break what a metric is about."""

    question: Question
    right: str
    broken: dict[str, Sequence[str]]
    """Metric -> answers with one thing wrong that it must see."""


def rows() -> Iterator[tuple[str, list[Case]]]:
    """A name and the cases of every metric of every benchmark."""
    for name, maker in MAKERS.items():
        made = [maker(Random(f"{name}-{n}"), n) for n in range(INSTANCES)]
        for metric in made[0].broken:
            cases = []
            for number, one in enumerate(made):
                others = [*made[number + 1 :], *made[:number]]
                other = next(each.right for each in others if set(each.question.gold).isdisjoint(one.question.gold))
                wrong = one.broken[metric]
                cases.append(
                    Case(partial(_accepted, one.question, metric), one.right, other, wrong[number % len(wrong)])
                )
            yield f"{name}, {metric}", cases


def _accepted(question: Question, metric: str, text: str) -> bool:
    """Whether the metric is 1; one that is left out, as for an empty answer, is not."""
    rule = BENCHMARKS[question.benchmark].grade
    assert rule is not None
    return rule(question, text).get(metric, 0.0) > 0.99


def asked(benchmark: str, number: int, gold: Sequence[str], **fields: object) -> Question:
    """A question of a benchmark with what its rule needs."""
    common = {"id": f"{benchmark}-{number}", "benchmark": benchmark, "language": "en", "licence": "Apache-2.0"}
    return Question(**common, item=str(number), instruction="", gold=tuple(gold), **fields)  # type: ignore[arg-type]


def prose(random: Random, words: int = 40) -> str:
    """Words that no other question has, as the words of real questions differ."""
    return " ".join("".join(random.choice(SYLLABLES) for _ in range(3)) for _ in range(words))


def foreign(text: str) -> str:
    """A text in no language: each word backwards."""
    return " ".join(word[::-1] for word in text.split())


def xquad(random: Random, number: int) -> Answered:
    """Translated and answered. The gold answer occurs in no other place than the answer."""
    gold = f"{random.choice(NAMES)} {number + 100}"
    translation = f"Context: {prose(random)}\n\nQuestion: Who {prose(random, 8)}?"
    question = asked("xquad", number, [gold], input=foreign(translation), reference=translation)
    wrong = f"{translation}\nAnswer: {random.choice(NOUNS)}"
    not_translated = f"{foreign(translation)}\nAnswer: {gold}"
    part = f"{translation}\nAnswer: {gold[:1]}"
    broken = {"accuracy": [wrong, part], "strict": [wrong, part], "following": [not_translated, f"Answer: {gold}"]}
    return Answered(question, f"{translation}\nAnswer: {gold}", broken)


def numbers(benchmark: str, metrics: Sequence[str], random: Random, number: int) -> Answered:
    """A solution with its last number; broken: a number beside it, its negative, a tenth of it."""
    gold, other = 10 * random.randint(11, 99) + number % 9 + 1, random.randint(2, 9)
    problem = f"{random.choice(NAMES)} has {other} coins. {prose(random, 20)} How many coins are there?"
    solution = f"There are {other} coins and {gold - other} more, so {gold - other} + {other} coins. The answer is"
    translated = {"input": foreign(problem), "reference": problem} if benchmark == "mgsm" else {"input": problem}
    question = asked(benchmark, number, [str(gold)], **translated)
    start = f"{problem}\n{solution}" if benchmark == "mgsm" else solution
    wrong = [f"{start} {gold + 1}.", f"{start} -{gold}.", f"{start} {gold / 10}."]
    broken: dict[str, Sequence[str]] = dict.fromkeys(metrics, wrong)
    if benchmark == "mgsm":
        broken["following"] = [f"{foreign(problem)}\n{solution} {gold}.", f"{solution} {gold}."]
    return Answered(question, f"{start} {gold}.", broken)


def commonsenseqa(random: Random, number: int) -> Answered:
    """The input repeated, then a choice."""
    choices = dict(zip(LABELS, random.sample(NOUNS, len(LABELS)), strict=True))
    gold, wrong = random.sample(LABELS, 2)
    listed = "\n".join(f"({label}) {text}" for label, text in choices.items())
    text = f"Question: What {prose(random, 12)}?\nChoices:\n{listed}"
    question = asked("commonsenseqa", number, [gold], input=text, reference=text, group="repeat", meta=choices)
    forms = ("The answer is ({0}) {1}.", "Answer: {0}", "{0}. {1}")
    form = forms[number % len(forms)]
    right, broken = (form.format(label, choices[label]) for label in (gold, wrong))
    unstated = f"{text}\nI do not know."
    return Answered(
        question, f"{text}\n{right}",
        {"accuracy": [f"{text}\n{broken}"], "following": [right], "answered": [unstated], "both": [right, unstated]},
    )  # fmt: skip


def picture(benchmark: str, random: Random, number: int) -> Answered:
    """A description of the picture, then the answer."""
    gold, wrong = random.sample(ADJECTIVES, 2)
    caption, other = (f"A {prose(random, 9)}." for _ in range(2))
    people = [gold] * 10 if benchmark == "vqav2" else [gold]
    question = asked(benchmark, number, people, input="How is it?", reference=caption, group="caption")
    return Answered(
        question, f"{caption}\nAnswer: {gold}",
        {
            "accuracy": [f"{caption}\nAnswer: {wrong}"], "official": [f"{caption}\nAnswer: {wrong}"],
            "answered": [caption + " " + other], "described": [f"Answer: {gold}"],
            "following": [f"Answer: {gold}", f"Nobody knows that by now.\nAnswer: {gold}"],
        },
    )  # fmt: skip


def steps(task: str, random: Random, number: int) -> Answered:
    """A row of SIFo's form with the gold answers as a list; one is exchanged or goes on, or the last is missing."""
    count = random.randint(3, 6)
    gold = [STEPS[task](random, number, step) for step in range(count)]
    question = asked("sifo", number, gold, group=task, tasks=count)
    place = number % count
    exchanged = [answer if at != place else STEPS[task](random, number + 500, at) for at, answer in enumerate(gold)]
    last = [*gold[:-1], STEPS[task](random, number + 700, count)]
    longer = [f"{answer}{answer[-1]}5" if at == place else answer for at, answer in enumerate(gold)]
    one, fewer = [numbered(exchanged), numbered(longer)], [numbered(gold[:-1])]
    last_longer = numbered([*gold[:-1], f"{gold[-1]}{gold[-1][-1]}5"])
    wrong_last = [numbered(last), numbered(gold[:-1]), last_longer]
    every = {"following": fewer, "accuracy": one, "instance": wrong_last, "depth": one, "strict": one}
    return Answered(question, numbered(gold), every)


def numbered(answers: Sequence[str]) -> str:
    """A numbered list."""
    return "\n".join(f"{number}. {answer}" for number, answer in enumerate(answers, 1))


STEPS: dict[str, Callable[[Random, int, int], str]] = {
    "math": lambda random, number, step: f"{1000 * number + 100 * step + random.randint(10, 99):,}",
    "qa": lambda random, number, step: f"the {random.choice(NOUNS)} of {number} and {step}",
    "security": lambda random, number, step: f"{random.choice(NAMES)}, item {number}, item {step}",
    "text_modification": lambda random, number, step: f"{draw_input(random, 'text')} It is {number} to {step}.",
}
"""Task of SIFo -> an answer; those of two questions or steps differ."""
NUMBER_METRICS = ("accuracy", "strict")
MAKERS: dict[str, Callable[[Random, int], Answered]] = {
    "xquad": xquad,
    "mgsm": partial(numbers, "mgsm", NUMBER_METRICS),
    "mgsm-en": partial(numbers, "mgsm-en", NUMBER_METRICS),
    "gsm8k": partial(numbers, "gsm8k", NUMBER_METRICS),
    "gsm8k-harness": partial(numbers, "gsm8k-harness", ("gsm8k", "gsm8k_strict")),
    "commonsenseqa": commonsenseqa,
    "vqav2": partial(picture, "vqav2"),
    "gqa": partial(picture, "gqa"),
    **{f"sifo/{task}": partial(steps, task) for task in sifo.TASKS},
}
"""Name -> (random, number) -> one question with its answers."""


def choice_rows() -> Iterator[tuple[str, list[Case]]]:
    """MMLU and ARC: the answer of a model is the likeliest choice; an empty one has no log-probability at all."""
    for name, metric, golds in (("mmlu", "mmlu", tuple("ABCD")), ("arc", "arc", ()), ("arc", "arc_acc", ())):
        cases = []
        for number in range(INSTANCES):
            random = Random(f"{name}-{metric}-{number}")
            choices = golds or tuple(random.sample(NOUNS, 4))
            gold, other, wrong = random.sample(choices, 3)
            question = asked(name, number, [gold])
            cases.append(Case(partial(_likeliest, question, choices, metric), gold, other, wrong))
        yield f"{name}, {metric}", cases


def _likeliest(question: Question, choices: Sequence[str], metric: str, text: str) -> bool:
    rule = BENCHMARKS[question.benchmark].grade_choices
    assert rule is not None
    if not text:  # `scoring` grades no answer without log-probabilities
        return False
    scores = {choice: -1.0 * len(choice) if choice == text else -9.0 * len(choice) for choice in choices}
    return rule(question, scores)[metric] == 1
