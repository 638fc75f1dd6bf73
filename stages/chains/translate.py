"""Translate the input into English, then answer (paper 4.1.1).

A share of the rows with an input gets it in another language, taken from an aligned corpus, else written by a model.
"""

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence

from stages.chains.chain_types import Chain, Intermediate, Link, Resources, is_separable
from stages.chains.model_steps import outcome, request, writer
from stages.core.completions import Prompt, Reply, ask
from stages.core.errors import UserError
from stages.core.records import Record

NAMES = {
    "ar": "Arabic", "de": "German", "el": "Greek", "es": "Spanish", "fr": "French", "hi": "Hindi", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "pt": "Portuguese", "ru": "Russian", "th": "Thai", "tr": "Turkish",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
"""Code of a language -> its name in prompts."""


def translations_by_text(records: Iterable[Record]) -> dict[str, dict[str, str]]:
    """English text -> language -> translation, from records of a parallel corpus (language, English, translation).

    A translation equal to the English text is left out. Of several for one text and language, the first is used.
    """
    translations: dict[str, dict[str, str]] = {}
    for record in records:
        if record.response.strip() != record.input.strip():
            translations.setdefault(record.input.strip(), {}).setdefault(record.instruction, record.response)
    return translations


def translate_inputs(
    link: Link, records: Iterable[Record], resources: Resources
) -> Iterator[tuple[Record, Intermediate | None]]:
    """`link.share` of the rows with an input, exactly (rounded), each in one of `link.languages`.

    Raises UserError if fewer rows than that can be translated.
    """
    rows = list(records)
    chosen = choose(rows, link, resources)
    if resources.complete is None:
        return ((record, _aligned(record, resources, chosen.get(record.id))) for record in rows)
    return _written(link, rows, resources, chosen)


def choose(rows: Sequence[Record], link: Link, resources: Resources) -> dict[str, str]:
    """Record id -> language of its input.

    The rows are those with the smallest SHA-256 of "<seed>:<id>:translate": the exact share, and other rows only
    move some across the limit. See `spread` for the languages. Raises UserError if too few rows can be translated.
    """
    with_input = [record for record in rows if record.input.strip()]
    wanted = round(link.share * len(with_input))
    able = {record.id: languages for record in with_input if (languages := _languages(record, link, resources))}
    if wanted > len(able):
        raise UserError(
            f"params.yaml: share {link.share:g} of {len(with_input)} rows with an input is {wanted}, but only"
            f" {len(able)} have a translation into {', '.join(link.languages)}; lower the share, or translate more"
        )
    drawn = sorted(able, key=lambda id: _draw(resources.seed, id, "translate"))[:wanted]
    return spread({id: able[id] for id in drawn}, link.languages, resources.seed)


def _languages(record: Record, link: Link, resources: Resources) -> tuple[str, ...]:
    """The languages into which this row's input can be translated."""
    if not is_separable(link, record.input):
        return ()
    known = link.languages if resources.complete else resources.translations.get(record.input.strip(), {})
    return tuple(language for language in link.languages if language in known)


def _draw(seed: int, id: str, purpose: str) -> bytes:
    return hashlib.sha256(f"{seed}:{id}:{purpose}".encode()).digest()


def spread(able: Mapping[str, Sequence[str]], languages: Sequence[str], seed: int) -> dict[str, str]:
    """One language for every row, evenly: the numbers differ by at most one if every row is available in every
    language.

    Rows and languages are matched as in Gale and Shapley (1962): every row proposes to languages in an order of its
    own, every language keeps its quota of the rows whose draw is smallest. The result does not depend on the order
    of the rows, and most rows get their own first choice whatever other rows there are. A row that is refused by
    all (some translations are missing) takes the language with the fewest rows among those it is available in.
    """
    quota = {language: (len(able) + place) // len(languages) for place, language in enumerate(reversed(languages))}
    draws = {(id, language): _draw(seed, id, language) for id, known in able.items() for language in known}
    preferences = {id: sorted(known, key=lambda language, id=id: draws[id, language]) for id, known in able.items()}  # type: ignore[misc]
    accepted: dict[str, list[tuple[bytes, str]]] = {language: [] for language in languages}
    waiting, refused = sorted(able), []
    while waiting:
        id = waiting.pop()
        if not preferences[id]:
            refused.append(id)
            continue
        language = preferences[id].pop(0)
        heapq.heappush(accepted[language], (_descending(draws[id, language]), id))
        if len(accepted[language]) > quota[language]:
            waiting.append(heapq.heappop(accepted[language])[1])
    return _place_refused(accepted, refused, able)


def _descending(draw: bytes) -> bytes:
    """A key in descending order, so that the root of a heap is the row with the largest draw."""
    return bytes(255 - byte for byte in draw)


def _place_refused(
    accepted: Mapping[str, list[tuple[bytes, str]]], refused: Sequence[str], able: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    placed = {id: language for language, rows in accepted.items() for _, id in rows}
    count = {language: len(rows) for language, rows in accepted.items()}
    for id in sorted(refused):
        placed[id] = min(able[id], key=lambda language: (count[language], language))
        count[placed[id]] += 1
    return placed


def _aligned(record: Record, resources: Resources, language: str | None) -> Intermediate | None:
    if language is None:
        return None
    return Intermediate(record.input, resources.translations[record.input.strip()][language], f"translate:{language}")


def _written(
    link: Link, rows: Sequence[Record], resources: Resources, chosen: Mapping[str, str]
) -> Iterator[tuple[Record, Intermediate | None]]:
    """Aligned translations where they exist, the model's for the others."""
    complete, template = writer(link, resources)

    def prompt_of(record: Record) -> Prompt | None:
        language = chosen.get(record.id)
        if language is None or language in resources.translations.get(record.input.strip(), {}):
            return None
        return request(record, template, resources, "translate", language=NAMES.get(language, language))

    def result_of(record: Record, reply: Reply) -> Intermediate:
        text = reply.text.strip()
        fault = "empty" if not text else "same" if text == record.input.strip() else ""
        return outcome(
            reply, Intermediate(record.input, text, f"translate:{chosen[record.id]}"), template, resources, fault
        )

    for record, reply in ask(complete, rows, prompt_of):
        yield record, _aligned(record, resources, chosen.get(record.id)) if reply is None else result_of(record, reply)


CHAIN = Chain(translate_inputs, replaces_input=True)
