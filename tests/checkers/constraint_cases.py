"""Answers to every type of verifiable constraint, made so that it is satisfied, or that exactly this one is not."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import NamedTuple

import msgspec

from stages.core.records import ResponseCheck
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.questions import Question
from stages.verified.constraint_drawing import COUNTS
from stages.verified.response_checks import TASKS
from stages.verified.sequence_generation import sequences
from tests.checkers.answer_cases import asked
from tests.checkers.cases import INSTANCES, Case
from tests.checkers.ifeval_cases import WORDS, Tried, prose
from tests.checkers.verified_cases import SEQUENCES, one_wrong
from tests.verified.constraint_examples import SAMPLES

UKRAINIAN = "\u0440\u0456\u0447\u043a\u0430 \u0456 \u0441\u0442\u0430\u0432\u043e\u043a"
"""Text in the letters of Russian that is not Russian."""


def upper(random: Random) -> Tried:
    text = prose(random, 3).upper()
    return Tried({}, text, [f"{text[:-2]}{text[-2:].lower()}", f"{text[0].lower()}{text[1:]}"])


def lower(random: Random) -> Tried:
    text = prose(random, 3).lower()
    return Tried({}, text, [text.capitalize(), f"{text[:-2]}{text[-2:].upper()}"])


def words(random: Random, more: bool) -> Tried:
    """A dash between spaces is no word: it does not make an answer long enough, or too long."""
    n = random.choice(COUNTS["words.at_least" if more else "words.at_most"])
    text = prose(random, 12).split()
    wrong = text[: n - 1 if more else n + 1]
    dashed = [" ".join([*each[:5], "\u2013", *each[5:]]) for each in (text[:n], wrong)]
    return Tried({"n": n}, random.choice([" ".join(text[:n]), dashed[0]]), [" ".join(wrong), dashed[1]])


def sentences(random: Random, more: bool) -> Tried:
    n = random.choice(COUNTS["sentences.at_least" if more else "sentences.at_most"])
    wrong = prose(random, n - 1 if more else n + 1)
    return Tried({"n": n}, prose(random, n), [wrong, wrong.replace(".", "!"), f"1. {wrong}"])


def abbreviations(random: Random) -> Tried:
    n = random.choice(COUNTS["sentences.at_least"])
    return Tried({"n": n}, prose(random, n), [f"{'Dr. ' * (n - 1)}Marble {prose(random, 1)}"])


def without_spaces(random: Random) -> Tried:
    n = random.choice(COUNTS["sentences.at_most"])
    return Tried({"n": n}, prose(random, n), [prose(random, n + 1).replace(". ", ".")])


def paragraphs(random: Random) -> Tried:
    """A horizontal rule is no paragraph."""
    n = random.choice(COUNTS["paragraphs.exactly"])
    parts = [prose(random, 2) for _ in range(n + 1)]
    right, fewer, more = ("\n\n".join(parts[:k]) for k in (n, n - 1, n + 1))
    return Tried({"n": n}, right, [fewer, more, right.replace("\n\n", "\n", 1), f"{fewer}\n\n---"])


def bullets(random: Random) -> Tried:
    """A horizontal rule is no bullet point."""
    n, sign = random.choice(COUNTS["bullets.exactly"]), random.choice("*-")
    parts = [f"{sign} **Part {k}**: {prose(random, 1)}" for k in range(n + 1)]
    right, fewer, more = ("\n".join(parts[:k]) for k in (n, n - 1, n + 1))
    return Tried({"n": n}, right, [fewer, more, right.replace(f"{sign} ", "", 1), f"{fewer}\n* * *", f"{fewer}\n- -"])


def numbered(random: Random) -> Tried:
    n = random.choice(COUNTS["numbered.exactly"])
    parts = [f"{k}. {prose(random, 1)}" for k in range(1, n + 2)]
    right, fewer, more = ("\n".join(parts[:k]) for k in (n, n - 1, n + 1))
    return Tried({"n": n}, right, [fewer, more, "\n".join(parts[1 : n + 1]), f"{fewer}\n{n}. -"])


def divided(random: Random) -> Tried:
    n = random.choice(COUNTS["divider.parts"])
    parts = [prose(random, 2) for _ in range(n + 1)]
    right, fewer, more = ("\n***\n".join(parts[:k]) for k in (n, n - 1, n + 1))
    return Tried({"n": n}, right, [fewer, more, right.replace("***", "**", 1), f"{fewer}\n***\n---"])


def start_phrase(random: Random) -> Tried:
    phrase, text = random.choice(("Here is my answer:", "Let us begin.")), prose(random, 3)
    return Tried({"phrase": phrase}, f"{phrase} {text}", [f"Sure! {phrase} {text}", text, f"{phrase.lower()} {text}"])


def title(random: Random) -> Tried:
    text = prose(random, 3)
    return Tried({}, f"<<A title>>\n{text}", [f"<A title>\n{text}", f"<< >>\n{text}", f"Sure!\n<<A title>>\n{text}"])


def end_phrase(random: Random) -> Tried:
    phrase, text = random.choice(("That is all.", "I hope this helps.")), prose(random, 3)
    return Tried({"phrase": phrase}, f"{text} {phrase}", [f"{text} {phrase} Yes.", text, f"{text} {phrase.upper()}"])


def postscript(random: Random) -> Tried:
    marker, text = random.choice(("P.S.", "Note:")), prose(random, 3)
    right = f"{text}\n\n{marker} Call me."
    return Tried(
        {"marker": marker}, right,
        [f"{text}\n\nCall me.", f"{right}\nGoodbye.", f"{text}\n{marker}", f"{text}\n{marker} -", f"{marker} Call me."],
    )  # fmt: skip


def quoted(random: Random) -> Tried:
    text = prose(random, 3)
    return Tried({}, f'"{text}"', [f'"{text}', f'{text}"', f'He wrote: "{text}"', f'"{text}" and "{text}"'])


def json_keys(random: Random) -> Tried:
    """Broken: a key more or fewer, a value without content, no JSON, a text around it."""
    keys = random.choice((["answer", "reason"], ["title", "text"]))
    value: dict[str, object] = {key: prose(random, 1) for key in keys}
    plain = json.dumps(value)
    right = random.choice([plain, f"```json\n{plain}\n```"])
    faulty = [{**value, "more": 1}, {keys[0]: "yes"}, *({**value, keys[1]: empty} for empty in ("", " ", None, [], {}))]
    return Tried({"keys": keys}, right, [*map(json.dumps, faulty), plain[:-1], f"Here it is: {plain}"])


def included(random: Random) -> Tried:
    word, n = random.choice(WORDS), random.choice(COUNTS["include.word"])
    text, others = prose(random, 2), " ".join([word] * (n - 1))
    return Tried(
        {"word": word, "n": n}, f"{text} {others} {word.title()}.", [f"{text} {others}.", f"{others} {word}s."]
    )


def excluded(random: Random) -> Tried:
    word, text = random.choice(WORDS), prose(random, 3)
    return Tried({"word": word}, f"{text} {word}s.", [f"{text} {word}s. {word.upper()}!", f"{text} {word}-like."])


def letter(random: Random) -> Tried:
    letter = random.choice("bcgkpvwy")
    right = " ".join(word for word in prose(random, 4).split() if letter not in word.lower())
    return Tried({"letter": letter}, right, [f"{right} {letter.upper()}es.", f"{right} a{letter}e."])


def no_comma(random: Random) -> Tried:
    text = prose(random, 3)
    return Tried({}, text, [text.replace(" ", ", ", 1), text.replace(" ", "\u3001", 1)])


def language(random: Random) -> Tried:
    """Broken: another language, or English after it."""
    asked, other = random.sample(sorted(SAMPLES), 2)
    right, foreign = (" ".join([SAMPLES[name]] * 12) for name in (asked, other))
    return Tried({"language": asked}, right, [foreign, f"{right}. {prose(random, 1)}", prose(random, 2)])


def language_of_a_script(random: Random) -> Tried:
    return Tried({"language": "Russian"}, " ".join([SAMPLES["Russian"]] * random.randint(3, 12)), [UKRAINIAN])


MAKERS: dict[str, Callable[[Random], Tried]] = {
    "case.upper": upper,
    "case.lower": lower,
    "words.at_most": partial(words, more=False),
    "words.at_least": partial(words, more=True),
    "sentences.at_most": partial(sentences, more=False),
    "sentences.at_least": partial(sentences, more=True),
    "paragraphs.exactly": paragraphs,
    "bullets.exactly": bullets,
    "numbered.exactly": numbered,
    "divider.parts": divided,
    "start.phrase": start_phrase,
    "start.title": title,
    "end.phrase": end_phrase,
    "end.postscript": postscript,
    "quote.whole": quoted,
    "json.keys": json_keys,
    "include.word": included,
    "exclude.word": excluded,
    "letter.none": letter,
    "comma.none": no_comma,
    "script.language": language,
}
"""Type of constraint -> what it is tried with."""
FURTHER: dict[str, tuple[str, Callable[[Random], Tried]]] = {
    "sentences.at_most (no space between)": ("sentences.at_most", without_spaces),
    "sentences.at_least (abbreviations)": ("sentences.at_least", abbreviations),
    "script.language (another language of the script)": ("script.language", language_of_a_script),
}
"""Breaks of a constraint that the check of its type does not see."""


class Several(NamedTuple):
    """A question with several constraints, and its answers."""

    question: Question
    right: str
    broken: str
    """One constraint is not satisfied; the others are."""


def rows() -> Iterator[tuple[str, list[Case]]]:
    """A name and the cases of each type, of the further breaks, of tasks as a check, and of several constraints."""
    made = {name: (name, maker) for name, maker in MAKERS.items()} | FURTHER
    tried = {name: [maker(Random(f"{name}-{n}")) for n in range(INSTANCES)] for name, (_, maker) in made.items()}
    for place, (name, (type, _)) in enumerate(made.items()):
        others = [each for each in MAKERS if each != type]
        cases = []
        for number, one in enumerate(tried[name]):
            accepts = partial(_accepted, question(number, ResponseCheck(type, one.arguments)), "prompt_level")
            other = tried[others[(place + number) % len(others)]][number].right
            cases.append(Case(accepts, one.right, other, one.broken[number % len(one.broken)]))
        yield f"constraints/{name}", cases
    yield "constraints/tasks", list(_of_tasks())
    questions = several()
    for metric in ("instruction_level", "prompt_level"):
        yield (
            f"constraints, {metric}",
            [
                Case(partial(_accepted, one.question, metric), one.right, questions[number - 1].right, one.broken)
                for number, one in enumerate(questions)
            ],
        )


def question(number: int, *checks: ResponseCheck) -> Question:
    """A question of the benchmark with these checks."""
    return asked("constraints", number, [], tasks=len(checks), meta={"checks": msgspec.json.encode(checks).decode()})


def _accepted(question: Question, metric: str, text: str) -> bool:
    rule = BENCHMARKS["constraints"].grade
    assert rule is not None
    return rule(question, text)[metric] == 1


def _of_tasks() -> Iterator[Case]:
    made = list(sequences(7, INSTANCES, SEQUENCES))
    for number, row in enumerate(made):
        check = ResponseCheck(TASKS, {"tasks": msgspec.to_builtins(row.checks)})
        accepts = partial(_accepted, question(number, check), "prompt_level")
        yield one_wrong(row, made, number, lambda grade: grade.all_right)._replace(accepts=accepts)


def several() -> list[Several]:
    """Questions with four constraints each, of which the broken answer breaks one; all are broken in turn."""
    return [_of_four(Random(f"several-{number}"), number) for number in range(INSTANCES)]


def _of_four(random: Random, number: int) -> Several:
    word, forbidden = (WORDS[(number + offset) % len(WORDS)] for offset in (0, 1))
    n, times = random.choice(COUNTS["bullets.exactly"]), random.choice(COUNTS["include.word"])
    right = "\n".join(f"- {prose(random, 2)}" for _ in range(n)) + f" {' '.join([word] * times)}."
    broken = [
        (ResponseCheck("bullets.exactly", {"n": n}), f"{right}\n- {prose(random, 1)}"),
        (ResponseCheck("include.word", {"word": word, "n": times}), right.replace(word, "thing", 1)),
        (ResponseCheck("exclude.word", {"word": forbidden}), f"{right} A {forbidden}."),
        (ResponseCheck("comma.none"), right.replace(" the ", ", the ", 1)),
    ]
    return Several(question(number, *(check for check, _ in broken)), right, broken[number % len(broken)][1])
