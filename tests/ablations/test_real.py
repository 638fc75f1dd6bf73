"""Both levels on the real Alpaca: its outputs against a second arm of the same rows whose responses are longer."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from stages.ablations.comparisons import data_level, instance_level
from stages.ablations.row_lengths import Arm, arm_of, count_lengths
from stages.core import artifacts
from stages.core.completions import seed_for
from stages.core.records import Record
from stages.corpora.read_records import Origin, read
from stages.model_files.token_lengths import counter
from stages.readers.formats import rows
from tests.ablations.vocabulary import train

pytestmark = pytest.mark.slow
ALPACA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "alpaca" / "alpaca_data.json"


def alpaca() -> list[Record]:
    if not ALPACA.exists():
        pytest.skip(f"{ALPACA} is not here")
    items = read("alpaca", rows(str(ALPACA), artifacts.files(ALPACA)), Origin("alpaca", "path:x", "CC", "en"), {})
    return [record for record in items if isinstance(record, Record)]


def longer(record: Record) -> Record:
    """The record with a response grown by a random share of itself, as chained tasks would."""
    words = record.response.split()
    more = words * 3
    return msgspec.structs.replace(
        record, response=" ".join(words + more[: int(len(words) * seed_for(1, record.id, "longer").uniform(0, 1.5))])
    )


@pytest.fixture(scope="module")
def arms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Arm]:
    it = alpaca()
    sets = {"sit": [longer(record) for record in it], "it": it}
    count = counter(train(tmp_path_factory.mktemp("tokenizer"), [record.response for record in it[:5_000]]))
    return {name: arm_of(count_lengths(records, count), "output") for name, records in sets.items()}


def test_every_row_is_there(arms: dict[str, Arm]) -> None:
    assert {len(arm.ids) for arm in arms.values()} == {52_002}


def test_data_level(arms: dict[str, Arm]) -> None:
    selection = data_level(arms, 1)
    part = [arms["sit"].lengths[row] for row in selection.rows["sit"]]
    assert abs(sum(part) - sum(arms["it"].lengths)) <= max(arms["sit"].lengths)
    assert selection.statistics["tokens_difference"] == sum(part) - sum(arms["it"].lengths)
    assert 20_000 < len(part) < 40_000
    assert selection.statistics["ids"]["both"] == len(part)


def test_instance_level(arms: dict[str, Arm]) -> None:
    it, sit = arms["it"].lengths, arms["sit"].lengths
    selection = instance_level(arms, 1, 0)
    theirs, ours = ([arms[name].lengths[row] for row in selection.rows[name]] for name in ("sit", "it"))
    assert Counter(ours) == Counter(theirs) == Counter(it) & Counter(sit)
    assert selection.statistics["same_lengths"] and len(ours) > 35_000
    after = selection.statistics["after"]
    assert after["it"]["histogram"] == after["sit"]["histogram"] != selection.statistics["before"]["it"]["histogram"]
    assert selection.certificate is not None and selection.certificate.bound(sit, it) == len(ours)


def test_another_tokenisation_of_the_same_rows(arms: dict[str, Arm], tmp_path: Path) -> None:
    """A tolerance pairs nearly all of them, and none that is further apart."""
    count = counter(train(tmp_path, [record.response for record in alpaca()[:5_000]], vocabulary=600))
    other = arm_of(count_lengths(alpaca(), count), "output")
    selection = instance_level({"it": arms["it"], "other": other}, 1, 2)
    left, right = (sorted(lengths[row] for row in selection.rows[name]) for name, lengths in
                   (("it", arms["it"].lengths), ("other", other.lengths)))  # fmt: skip
    assert all(abs(a - b) <= 2 for a, b in zip(left, right, strict=True))
    assert selection.statistics["matching"]["no_matching_has_more_than"] == len(left)
