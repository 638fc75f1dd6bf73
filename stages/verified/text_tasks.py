"""Tasks about a line of text and about one word."""

from random import Random

from stages.verified.task_types import Arguments, task
from stages.verified.typed_values import Value

VOWELS = frozenset("aeiouAEIOU")
LETTERS = "aeiorstn"


def _words(text: str) -> list[str]:
    return [word.strip(".,;:!?") for word in text.split()]


def _letter(random: Random, value: Value) -> Arguments | None:
    """A letter that occurs in the value."""
    present = [letter for letter in LETTERS if letter in str(value)]
    return {"letter": random.choice(present)} if present else None


def _first_letter(random: Random, value: Value) -> Arguments | None:
    starts = sorted({word[0].lower() for word in _words(value) if word})
    return {"letter": random.choice(starts)}


def _count(random: Random, value: Value) -> Arguments | None:
    length = len(value.split())
    return {"n": random.randint(2, min(5, length - 1))} if length > 2 else None


def _replacement(random: Random, value: Value) -> Arguments | None:
    return {
        "old": random.choice([w for w in _words(value) if w]),
        "new": random.choice(("blue", "seven", "garden", "quiet")),
    }


def _marker(random: Random, _value: Value) -> Arguments:
    return {"marker": random.choice(("###", "END", "***", "OK"))}


@task("text.upper", "text")
def _upper(text: str) -> str:
    return text.upper()


@task("text.lower", "text")
def _lower(text: str) -> str:
    return text.lower()


@task("text.title", "text", held_out=True)
def _title(text: str) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in text.split(" "))


@task("text.reverse_words", "text")
def _reverse_words(text: str) -> str:
    return " ".join(reversed(text.split(" ")))


@task("text.count_words", "number")
def _count_words(text: str) -> int:
    return len(text.split())


@task("text.count_letter", "number", draw=_letter)
def _count_letter(text: str, letter: str) -> int:
    return text.lower().count(letter)


@task("text.count_sentences", "number", held_out=True)
def _count_sentences(text: str) -> int:
    return sum(text.count(mark) for mark in ".!?")


@task("text.first_word", "word")
def _first_word(text: str) -> str:
    return _words(text)[0]


@task("text.last_word", "word")
def _last_word(text: str) -> str:
    return _words(text)[-1]


@task("text.longest_word", "word", held_out=True)
def _longest_word(text: str) -> str:
    return max(_words(text), key=len)


@task("text.list_words", "words")
def _list_words(text: str) -> tuple[str, ...]:
    return tuple(_words(text))


@task("text.sort_words", "words")
def _sort_words(text: str) -> tuple[str, ...]:
    return tuple(sorted(_words(text), key=str.lower))


@task("text.words_starting", "words", draw=_first_letter)
def _words_starting(text: str, letter: str) -> tuple[str, ...]:
    return tuple(word for word in _words(text) if word.lower().startswith(letter))


@task("text.first_words", "text", draw=_count)
def _first_words(text: str, n: int) -> str:
    return " ".join(text.split(" ")[:n])


@task("text.remove_vowels", "text", held_out=True)
def _remove_vowels(text: str) -> str:
    return "".join(char for char in text if char not in VOWELS)


@task("text.replace_word", "text", draw=_replacement)
def _replace_word(text: str, old: str, new: str) -> str:
    return " ".join(new + word[len(old) :] if word.strip(".,;:!?") == old else word for word in text.split(" "))


@task("text.initials", "word")
def _initials(text: str) -> str:
    return "".join(word[0] for word in _words(text)).upper()


@task("text.repeat", "text")
def _repeat(text: str) -> str:
    return text


@task("text.append_marker", "text", draw=_marker)
def _append_marker(text: str, marker: str) -> str:
    return f"{text} {marker}"


@task("text.prepend_marker", "text", draw=_marker, held_out=True)
def _prepend_marker(text: str, marker: str) -> str:
    return f"{marker} {text}"


@task("word.count_letters", "number")
def _count_letters(word: str) -> int:
    return len(word)


@task("word.reverse", "word")
def _reverse(word: str) -> str:
    return word[::-1]


@task("word.upper", "word")
def _upper_word(word: str) -> str:
    return word.upper()


@task("word.spell", "text", held_out=True)
def _spell(word: str) -> str:
    return "-".join(word)


@task("word.letters", "words")
def _letters(word: str) -> tuple[str, ...]:
    return tuple(word)
