"""Which rows of a training set are kept for validation: drawn by the seed and the id of each row."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Literal, Protocol, TypeVar

from stages.core.errors import UserError


class Identified(Protocol):
    """A row."""

    @property
    def id(self) -> str:
        """Its id."""


RowType = TypeVar("RowType", bound=Identified)


def is_validation(id: str, share: float, seed: int) -> bool:
    """Whether the row is one of those kept; the same whatever other rows there are."""
    drawn = int.from_bytes(sha256(f"{seed}:{id}:validation".encode("utf-8", "surrogatepass")).digest()[:8])
    return drawn < share * 2**64


def split(
    rows: Iterable[RowType], share: float, seed: int
) -> Iterator[tuple[Literal["training", "validation"], RowType]]:
    """Each row under the name of its part. Raises UserError behind the last row where a part has none."""
    counts = {"training": 0, "validation": 0}
    for row in rows:
        part: Literal["training", "validation"] = "validation" if is_validation(row.id, share, seed) else "training"
        counts[part] += 1
        yield part, row
    if empty := [part for part, count in counts.items() if not count]:
        raise UserError(
            f"params.yaml: train.settings.validation.share {share}: leaves no row of {sum(counts.values())} for "
            f"{empty[0]}; change it, or train on more rows"
        )
