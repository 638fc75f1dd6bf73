"""Reproduces a run: its source files and stored replies in, every output compared with dvc.lock."""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from stages.core import artifacts
from stages.core.errors import UserError
from stages.planning.dvc_graph import Step
from stages.planning.overlay import md5
from stages.reply_store import exchange
from stages.reply_store.selected_export import Exported, export_selected
from stages.reply_store.store import Replies
from stages.reproduction.named_replies import EVERYTHING, all_stages, named_by
from stages.reproduction.outputs import Output, Rebuilt, recorded_md5
from stages.reproduction.rebuild import MODELS, is_trained, rebuild
from stages.reproduction.run_step import STORE
from stages.reproduction.trained_models import Models, describe, place, read_models
from stages.reproduction.work_folder import copy_sources, sources

REPLIES = Path("data/replies/replies.jsonl.gz")
"""The replies that the committed run rests on."""
TRAINED_MODELS = Path("data/replies/trained_models.json")
"""What identifies the models that it trained."""
REPORT = "data/report/index.html"
Tell = Callable[[Step, Rebuilt], None]


class Reproduction(msgspec.Struct, frozen=True):
    """The outcome."""

    stages: list[Rebuilt]
    replies: int
    """How many replies the file holds."""
    seconds: float

    @property
    def outputs(self) -> list[Output]:
        """The outputs of all stages."""
        return [output for rebuilt in self.stages for output in rebuilt.outputs]

    @property
    def is_whole(self) -> bool:
        """Whether no stage failed and no output differs."""
        return all(rebuilt.is_good for rebuilt in self.stages)


def reproduce(
    folder: Path, jobs: int, tell: Tell | None = None, replies: Path = REPLIES, targets: Sequence[str] = ()
) -> Reproduction:
    """Rebuild the run of the current folder's dvc.lock in `folder`, which is empty; nothing is written elsewhere.

    tell: called with each stage when it has ended. targets: stages, with those that they depend on; none for all.
    Raises UserError for a damaged file of replies, or one that belongs to other trained models than dvc.lock.
    """
    started = time.monotonic()
    stages = all_stages([*targets])
    paths = sources(stages)
    models = read_models(TRAINED_MODELS, trained(stages))
    copy_sources([*paths, *_files_of_training(stages)], folder)
    for name, model in models.items():
        place(model, folder / MODELS / name)
    if replies.is_file() and not replies.stat().st_size:  # an archive of no replies has a header
        raise UserError(f"{replies}: is an empty file; restore it by `git checkout -- {replies}` or get it again")
    with Replies(folder / STORE) as store:
        known, _ = exchange.import_(store, replies)
    done = []
    hashes = {path: md5(folder / path) for path in paths}  # before compiled files lie among the code
    for step, rebuilt in rebuild(stages, hashes, folder, jobs):
        done.append(rebuilt)
        if tell:
            tell(step, rebuilt)
    shutil.rmtree(folder / MODELS, ignore_errors=True)  # half a gigabyte each, compared by now
    return Reproduction(done, known, time.monotonic() - started)


def trained(stages: list[Step]) -> dict[str, str]:
    """Run -> MD5 of its model's folder in dvc.lock. Raises UserError where dvc.lock has none."""
    recorded = {}
    for step in filter(is_trained, stages):
        name = step.name.rpartition("@")[2]
        value = recorded_md5(step).get(f"{MODELS}{name}")
        if value is None:
            raise UserError(
                f"dvc.lock: has no model of {step.name}, as that run of params.yaml was not recorded; take both files "
                "of one commit, or run `seqit run` and then `seqit reproduce --record`"
            )
        recorded[name] = value
    return recorded


def _files_of_training(stages: list[Step]) -> list[str]:
    return [out for step in filter(is_trained, stages) for out in step.outs if not out.startswith(MODELS)]


def record(store: Path) -> Exported:
    """Write the file of replies and that of the trained models, from this checkout's finished run and its store.

    Raises UserError where the checkout has other models than dvc.lock records.
    """
    stages = all_stages([])
    models: Models = {}
    for name, wanted in trained(stages).items():
        models[name] = describe(Path(MODELS, name))
        if models[name].folder_md5 != wanted:
            raise UserError(f"models/{name}: is not the model that dvc.lock records; run `seqit run` first")
    with Replies(store) as replies:
        exported = export_selected(replies, REPLIES, named_by([EVERYTHING]))
    artifacts.write_json(TRAINED_MODELS, models)
    return exported
