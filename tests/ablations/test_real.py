"""Both levels on the real Alpaca: its outputs against a second arm of the same rows whose responses are longer."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from stages import jsonl
from stages.ablations import Arm, Side, budget, lengths, page, pairs
from stages.corpora import Origin, read, rows
from stages.messages import seed_for
from stages.records import Record

ALPACA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "alpaca" / "alpaca_data.json"


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def longer(record: Record) -> Record:
    """The record with a response grown by a random share of itself, as chained tasks would."""
    said = record.response.split()
    more = said * 3
    return msgspec.structs.replace(
        record, response=" ".join(said + more[: int(len(said) * seed_for(1, record.id, "longer").uniform(0, 1.5))])
    )


@pytest.fixture(scope="module")
def arms() -> dict[str, Arm]:
    if not ALPACA.exists():
        pytest.skip(f"{ALPACA} is not here")
    found = read("alpaca", rows(str(ALPACA), jsonl.files(ALPACA)), Origin("alpaca", "path:x", "CC", "en"), {})
    it = [record for record in found if isinstance(record, Record)]
    sit = [longer(record) for record in it]
    return {"it": Arm(it, lengths(it, "output", words)), "sit": Arm(sit, lengths(sit, "output", words))}


def test_data_level(arms: dict[str, Arm]) -> None:
    it, sit = arms["it"], arms["sit"]
    part = budget(sit.records, sit.lengths, sum(it.lengths), 1)
    found = page(arms, {"it": it, "sit": Arm(part, lengths(part, "output", words))})
    assert abs(found["tokens_difference"]) <= max(sit.lengths)
    assert 20_000 < len(part) < 40_000
    assert found["ids"]["both"] == len(part)


def test_instance_level(arms: dict[str, Arm]) -> None:
    it, sit = arms["it"], arms["sit"]
    left, right = (Side([r.id for r in arm.records], arm.lengths) for arm in (it, sit))
    found = pairs(left, right, 1)
    ours, theirs = ([arm.lengths[n] for n in chosen] for arm, chosen in ((it, found.left), (sit, found.right)))
    assert Counter(ours) == Counter(theirs) == Counter(it.lengths) & Counter(sit.lengths)
    cover_left, cover_right = set(found.certificate.left), set(found.certificate.right)
    assert not set(it.lengths) - cover_left & set(sit.lengths) - cover_right
    assert len(ours) == sum(n in cover_left for n in it.lengths) + sum(n in cover_right for n in sit.lengths) > 35_000
