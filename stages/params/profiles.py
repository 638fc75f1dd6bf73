"""Profiles: the experiments that params.yaml may be as a whole."""

from itertools import chain, count
from pathlib import Path

from stages.core import artifacts
from stages.core.errors import UserError
from stages.params import PARAMS, load

PROFILES = Path(__file__).parents[1] / "profiles"


def use(profile: str, target: Path = PARAMS) -> Path | None:
    """Put a profile in place of `target`; returns the file that says what was there, None if nothing was.

    That is TARGET.before, TARGET.before-2, … or, for a profile as it came, the profile: no file is ever written over.
    Raises UserError for a profile that there is not.
    """
    known = {path.stem: path for path in sorted(PROFILES.glob("*.yaml"))}
    if profile not in known:
        raise UserError(f"{profile!r}: no such profile; known are {', '.join(known)}")
    load(known[profile])
    kept = _kept(target, list(known.values())) if target.exists() else None
    artifacts.write_text(target, artifacts.read_text(known[profile]))
    return kept


def _kept(target: Path, profiles: list[Path]) -> Path:
    """A file that says the same as `target`: one that is there, or the first free name, written now."""
    text = artifacts.read_text(target)
    names = (target.with_name(f"{target.name}.before{number}") for number in chain([""], (f"-{n}" for n in count(2))))
    kept = next(path for path in chain(profiles, names) if not path.exists() or artifacts.read_text(path) == text)
    if not kept.exists():
        artifacts.write_text(kept, text)
    return kept
