"""Answers to IFEval's 25 types of instruction, made so that each is followed, or one thing of it is not."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from random import Random
from typing import Any, NamedTuple

from stages.evaluation.benchmarks import ifeval_checkers
from stages.evaluation.benchmarks.ifeval_checkers import Instruction
from stages.verified.inputs import draw_input
from tests.checkers.cases import INSTANCES, Case

SPANISH = (
    "La biblioteca del pueblo abre todos los días por la mañana.", "Mi hermana compra pan fresco en la plaza.",
    "Los niños juegan en el parque después de la escuela.", "El tren llega siempre tarde cuando llueve mucho.",
)  # fmt: skip
GERMAN = (
    "Die Bücherei im Dorf öffnet jeden Morgen um neun Uhr.", "Meine Schwester kauft frisches Brot auf dem Markt.",
    "Die Kinder spielen nach der Schule im Park.", "Der Zug kommt immer zu spät, wenn es stark regnet.",
)  # fmt: skip
FRENCH = (
    "La bibliothèque du village ouvre tous les matins.", "Ma sœur achète du pain frais au marché.",
    "Les enfants jouent dans le parc après l'école.", "Le train arrive toujours en retard quand il pleut.",
)  # fmt: skip
TEXTS = {"es": SPANISH, "de": GERMAN, "fr": FRENCH}
WORDS = ("copper", "violin", "meadowlark", "thunder", "marble", "saffron")


class Tried(NamedTuple):
    """Arguments of an instruction, an answer that follows it, and answers that break one thing each."""

    arguments: dict[str, Any]
    right: str
    broken: list[str]


def prose(random: Random, sentences: int) -> str:
    """English sentences of two to three clauses, without commas or signs of any format."""
    words = (draw_input(random, "text").split(". ")[0].rstrip(".") for _ in range(sentences))
    return " ".join(f"{sentence}." for sentence in words)


def existence(random: Random) -> Tried:
    first, second = random.sample(WORDS, 2)
    text = prose(random, 3)
    return Tried({"keywords": [first, second]}, f"{text} A {first} and a {second}.", [f"{text} A {first}."])


def part_of_a_word(random: Random) -> Tried:
    text = prose(random, 2)
    return Tried({"keywords": ["art"]}, f"{text} It is art.", [f"{text} It is a party."])


def frequency(random: Random) -> Tried:
    word, count = random.choice(WORDS), random.randint(2, 4)
    text = prose(random, 2)
    enough, fewer = (f"{text} {' '.join([word.capitalize()] * n)}." for n in (count, count - 1))
    if random.random() < 0.5:
        return Tried({"keyword": word, "frequency": count, "relation": "at least"}, enough, [fewer])
    return Tried({"keyword": word, "frequency": count, "relation": "less than"}, fewer, [enough])


def forbidden_words(random: Random) -> Tried:
    word, text = random.choice(WORDS), prose(random, 3)
    return Tried({"forbidden_words": [word, "zinc"]}, f"{text} {word}s.", [f"{text} {word.title()}!"])


def letter_frequency(random: Random) -> Tried:
    letter, text = random.choice("qxzj#!"), prose(random, 2)
    count = text.lower().count(letter) + random.randint(1, 4)
    enough = text + letter.upper() * (count - text.lower().count(letter))
    if random.random() < 0.5:
        return Tried({"letter": letter, "let_frequency": count, "let_relation": "at least"}, enough, [enough[:-1]])
    return Tried({"letter": letter, "let_frequency": count, "let_relation": "less than"}, enough[:-1], [enough])


def response_language(random: Random) -> Tried:
    asked, other = random.sample(sorted(TEXTS), 2)
    right, wrong = (" ".join(random.sample(TEXTS[code], 3)) for code in (asked, other))
    return Tried({"language": asked}, right, [wrong])


def number_sentences(random: Random) -> Tried:
    count = random.randint(2, 6)
    more, fewer = prose(random, count), prose(random, count - 1)
    if random.random() < 0.5:
        return Tried({"num_sentences": count, "relation": "at least"}, more, [fewer])
    return Tried({"num_sentences": count, "relation": "less than"}, fewer, [more])


def number_paragraphs(random: Random) -> Tried:
    count = random.randint(2, 5)
    parts = [prose(random, 2) for _ in range(count + 1)]
    right, fewer, more = ("\n***\n".join(parts[:n]) for n in (count, count - 1, count + 1))
    return Tried({"num_paragraphs": count}, right, [fewer, more])


def number_words(random: Random) -> Tried:
    text = prose(random, 4)
    count = len(text.split())
    if random.random() < 0.5:
        return Tried({"num_words": count, "relation": "at least"}, text, [text.rpartition(" ")[0]])
    return Tried({"num_words": count + 1, "relation": "less than"}, text, [f"{text} Yes."])


def first_word(random: Random) -> Tried:
    count, word = random.randint(2, 4), random.choice(WORDS)
    place = random.randint(1, count)
    parts = [prose(random, 2) for _ in range(count)]
    right = [*parts[: place - 1], f"{word.title()}, {parts[place - 1]}", *parts[place:]]
    wrong = ["\n\n".join(parts), "\n\n".join([*right, prose(random, 1)])]
    return Tried({"num_paragraphs": count, "nth_paragraph": place, "first_word": word}, "\n\n".join(right), wrong)


def placeholders(random: Random) -> Tried:
    count = random.randint(1, 5)
    right, fewer = (f"{prose(random, 2)} {' '.join(['[name]'] * n)}" for n in (count, count - 1))
    return Tried({"num_placeholders": count}, right, [fewer])


def postscript(random: Random) -> Tried:
    marker, text = random.choice(("P.S.", "P.P.S")), prose(random, 3)
    return Tried({"postscript_marker": marker}, f"{text}\n\n{marker} Call me.", [f"{text}\n\nCall me."])


def postscript_in_the_middle(random: Random) -> Tried:
    text = prose(random, 3)
    return Tried({"postscript_marker": "P.S."}, f"{text}\n\nP.S. Call me.", [f"Read my P.S. in the letter.\n\n{text}"])


def bullets(random: Random) -> Tried:
    count, sign = random.randint(2, 6), random.choice("*-")
    right, fewer, more = ("\n".join([f"{sign} {prose(random, 1)}"] * n) for n in (count, count - 1, count + 1))
    return Tried({"num_bullets": count}, right, [fewer, more])


def constrained(random: Random) -> Tried:
    answer = random.choice(("yes", "no", "maybe"))
    return Tried({}, f"My answer is {answer}.", ["My answer is perhaps."])


def two_options(random: Random) -> Tried:
    first, second = random.sample(("yes", "no", "maybe"), 2)
    right = f"My answer is {first}."
    return Tried({}, right, [f"{right} My answer is {second}."])


def highlights(random: Random) -> Tried:
    count = random.randint(1, 4)
    right, fewer = (" ".join([prose(random, 1), *["*this part*"] * n]) for n in (count, count - 1))
    return Tried({"num_highlights": count}, right, [fewer])


def sections(random: Random, more: bool = False) -> Tried:
    count, name = random.randint(2, 5), random.choice(("Section", "SECTION", "Part"))
    parts = [f"{name} {n}\n{prose(random, 2)}" for n in range(1, count + 2)]
    broken = parts if more else parts[: count - 1]
    return Tried({"section_spliter": name, "num_sections": count}, "\n".join(parts[:count]), ["\n".join(broken)])


def json_format(random: Random) -> Tried:
    right = f'```json\n{{"text": "{prose(random, 1)}", "count": {random.randint(1, 9)}}}\n```'
    return Tried({}, right, [right.replace("}", ""), f"Here it is:\n{right}"])


def title(random: Random) -> Tried:
    text = prose(random, 3)
    return Tried({}, f"<<A title>>\n{text}", [f"<A title>\n{text}", f"<< >>\n{text}"])


def two_responses(random: Random) -> Tried:
    one, two = prose(random, 2), prose(random, 3)
    return Tried({}, f"{one}\n******\n{two}", [f"{one}\n\n{two}", f"{one}\n******\n{one}"])


def repeat_prompt(random: Random) -> Tried:
    request = prose(random, 2)
    wrong = [f"Sure! {request} Done.", f"{request.replace('the', 'that', 1)} Done."]
    return Tried({"prompt_to_repeat": request}, f"{request} Done.", wrong)


def end_phrase(random: Random) -> Tried:
    phrase, text = "Is there more to do?", prose(random, 3)
    return Tried({"end_phrase": phrase}, f"{text} {phrase}", [f"{text} {phrase} Yes.", f"{text} Is there more?"])


def capital_words(random: Random) -> Tried:
    count, text = random.randint(2, 5), prose(random, 2).replace("A ", "The ")
    enough, fewer = (f"{text} It is {' '.join(['HIGH'] * n)}." for n in (count, count - 1))
    if random.random() < 0.5:
        return Tried({"capital_frequency": count, "capital_relation": "at least"}, enough, [fewer])
    return Tried({"capital_frequency": count, "capital_relation": "less than"}, fewer, [enough])


def english_capital(random: Random) -> Tried:
    text = prose(random, 4)
    broken = f"{text[:-2].upper()}{text[-2:].lower()}"
    return Tried({}, text.upper(), [broken, " ".join(SPANISH).upper()])


def english_lowercase(random: Random) -> Tried:
    text = prose(random, 4)
    return Tried({}, text.lower(), [text.lower().capitalize(), " ".join(SPANISH).lower()])


def no_comma(random: Random) -> Tried:
    text = prose(random, 3)
    return Tried({}, text, [text.replace(" ", ", ", 1)])


def quotation(random: Random) -> Tried:
    text = prose(random, 3)
    return Tried({}, f'"{text}"', [f'"{text}', f'{text}"', f'He wrote: "{text}"'])


MAKERS: dict[str, Callable[[Random], Tried]] = {
    "keywords:existence": existence,
    "keywords:frequency": frequency,
    "keywords:forbidden_words": forbidden_words,
    "keywords:letter_frequency": letter_frequency,
    "language:response_language": response_language,
    "length_constraints:number_sentences": number_sentences,
    "length_constraints:number_paragraphs": number_paragraphs,
    "length_constraints:number_words": number_words,
    "length_constraints:nth_paragraph_first_word": first_word,
    "detectable_content:number_placeholders": placeholders,
    "detectable_content:postscript": postscript,
    "detectable_format:number_bullet_lists": bullets,
    "detectable_format:constrained_response": constrained,
    "detectable_format:number_highlighted_sections": highlights,
    "detectable_format:multiple_sections": sections,
    "detectable_format:json_format": json_format,
    "detectable_format:title": title,
    "combination:two_responses": two_responses,
    "combination:repeat_prompt": repeat_prompt,
    "startend:end_checker": end_phrase,
    "change_case:capital_word_frequency": capital_words,
    "change_case:english_capital": english_capital,
    "change_case:english_lowercase": english_lowercase,
    "punctuation:no_comma": no_comma,
    "startend:quotation": quotation,
}
"""Type of instruction -> what it is tried with."""
FURTHER: dict[str, tuple[str, Callable[[Random], Tried]]] = {
    "keywords:existence (part of a longer word)": ("keywords:existence", part_of_a_word),
    "detectable_content:postscript (not at the end)": ("detectable_content:postscript", postscript_in_the_middle),
    "detectable_format:constrained_response (two options)": ("detectable_format:constrained_response", two_options),
    "detectable_format:multiple_sections (one too many)": (
        "detectable_format:multiple_sections",
        partial(sections, more=True),
    ),
}
"""Breaks of an instruction that lm-eval's checker of its type does not see."""


def rows() -> Iterator[tuple[str, list[Case]]]:
    """A name and the cases of each type, strict and loose, and of the further breaks."""
    made = {name: (name, maker) for name, maker in MAKERS.items()} | FURTHER
    tried = {name: [maker(Random(f"{name}-{n}")) for n in range(INSTANCES)] for name, (_, maker) in made.items()}
    for place, (name, (type, _)) in enumerate(made.items()):
        others = [each for each in MAKERS if each != type]
        foreign = [tried[others[(place + number) % len(others)]][number].right for number in range(INSTANCES)]
        cases = [_case(type, one, foreign[number], number) for number, one in enumerate(tried[name])]
        yield name, cases
        if name in MAKERS:
            yield f"{name}, loose", [case._replace(accepts=case.accepts.loose) for case in cases]


class _Check:
    """Whether an instruction is followed strictly, and loosely; both are computed once for a text."""

    def __init__(self, instruction: Instruction) -> None:
        self.verdicts = cache(partial(ifeval_checkers.check, "", [instruction]))

    def __call__(self, text: str) -> bool:
        return self.verdicts(text).strict[0]

    def loose(self, text: str) -> bool:
        return self.verdicts(text).loose[0]


def _case(type: str, one: Tried, other: str, number: int) -> Case:
    return Case(_Check(Instruction(type, one.arguments)), one.right, other, one.broken[number % len(one.broken)])
