"""The last lines of a run that failed: where, what is not published, the stage's own error, and what to do."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stages.execution.run_outcome import folder_of, stage_parts
from stages.params import Params

GO_ON = "then `seqit run` goes on from there: finished stages and received replies are kept"
KEEP_GOING = frozenset({"-k", "--keep-going"})


def failure_lines(
    params: Params, arguments: Sequence[str], ended: Iterable[str], failed: Sequence[str], errors: Mapping[str, str],
    root: Path = Path(),
) -> list[str]:  # fmt: skip
    """Lines for a person, the most important first.

    arguments: of `dvc repro`. ended: stages that ran or are up to date. failed: stages that failed; none where DVC
    itself did. errors: stage -> what it said.
    """
    names = [_name(stage) for stage in failed]
    after = "what depends on it was not run" if KEEP_GOING & {*arguments} else "nothing after it ran"
    where = f"FAILED at {', '.join(names)}; {after}" if names else "FAILED; DVC's error is above"
    missing = _unpublished(params, arguments, ended, root)
    messages = [f"{name}: {errors[stage]}" for stage, name in zip(failed, names, strict=True) if errors.get(stage)]
    return [
        "; ".join([where, *([f"not published: {', '.join(missing)}"] if missing else [])]),
        *messages, f"what to do: {_next_step(failed, errors, root)}",
    ]  # fmt: skip


def _name(stage: str) -> str:
    return "@".join(filter(None, stage_parts(stage)))


def _unpublished(params: Params, arguments: Sequence[str], ended: Iterable[str], root: Path) -> list[str]:
    """The folders of sets that the run was to publish and did not."""
    published = {name for kind, name in map(stage_parts, ended) if kind == "publish"}
    targets = [stage_parts(word) for word in arguments if not word.startswith("-")]
    names = [
        name for name in params.publish
        if name not in published and (not targets or {("publish", name), ("publish", "")} & {*targets})
    ]  # fmt: skip
    return [f"{folder_of(name)}{OLDER if (root / folder_of(name)).exists() else ''}" for name in names]


OLDER = " (what is there is of an earlier run)"


def _next_step(failed: Sequence[str], errors: Mapping[str, str], root: Path) -> str:
    kind, name = stage_parts(failed[0]) if failed else ("", "")
    if kind in ("rewrite", "rewrite_benchmark", "respond") and (root / f"data/rewritten/{name}/1.jsonl").exists():
        return (
            f"see by `seqit show {name} --rejected` which rows failed and what the model replied; change params.yaml "
            f"as the error says, {GO_ON}"
        )
    if failed and errors.get(failed[0]):
        return f"correct what the error says, {GO_ON}"
    return f"correct what is said above (where a file is busy, wait for the other run), {GO_ON}"
