"""Runs every check of a published data set or model that the files at hand allow."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from stages.core.project import given_path
from stages.publishing.hub_copy import PREFIX, download
from stages.publishing.statement import STATEMENT
from stages.verification.check_results import CheckLog, CheckResult, RowCheck, merged, summary
from stages.verification.checked_columns import check_types
from stages.verification.column_checks import column_results
from stages.verification.count_checks import CountCheck
from stages.verification.hash_checks import HashCheck
from stages.verification.message_checks import MessageCheck
from stages.verification.model_checks import is_model, model_results
from stages.verification.origin_checks import Lock, lock_results, read_lock, trained_models
from stages.verification.parallel_replies import RepliesTask, processes_for, reply_results
from stages.verification.prompt_checks import PromptCheck, PromptFiles
from stages.verification.published_files import PublishedSet
from stages.verification.reply_checks import ReplyCheck
from stages.verification.reply_sources import open_replies
from stages.verification.repository_sets import open_sets
from stages.verification.set_columns import SOURCE_REFERENCE, with_present_names
from stages.verification.signature_checks import signature_results
from stages.verification.source_checks import SourceCheck, named_corpora


class Evidence(msgspec.Struct, frozen=True):
    """What a set is compared with, besides its own facts."""

    corpora: list[str] = []
    """FILE or REFERENCE=FILE."""
    replies: Path | None = None
    """A reply store, or a file that `seqit replies export` wrote."""
    prompts: list[Path] = []
    """Folders of prompt files, searched before those of seqit."""
    shipped: Path | None = None
    """Folder of the prompt files that come with seqit."""
    lock: Path | None = None
    """A dvc.lock."""
    public_key: Path | None = None
    """The key that the set is to be signed with."""


class Verification(msgspec.Struct, frozen=True):
    """The outcome of all checks."""

    target: str
    differs: bool
    """Whether any check has a mismatch."""
    checks: list[CheckResult]
    models: list[str]
    """Models that dvc.lock says were trained on the artifact."""

    def lines(self) -> list[str]:
        """The outcome for people."""
        models = [f"models trained on it, by dvc.lock: {', '.join(self.models)}"] if self.models else []
        return [*summary(self.checks).splitlines(), *models]


def verify_target(target: str, evidence: Evidence, note: Callable[[str], None]) -> Verification:
    """The same as `verify_set` of a path, or of a data set hub:ORG/NAME@TAG, which is downloaded first.

    note: gets a line that says which commit of the Hub is read. Raises UserError.
    """
    if not target.startswith(PREFIX):
        return verify_set(given_path(target), evidence)
    copy = download(target)
    note(copy.note)
    result = verify_set(copy.folder, evidence)
    return msgspec.structs.replace(result, target=f"{PREFIX}{copy.repository}@{copy.commit}")


def verify_set(target: Path, evidence: Evidence) -> Verification:
    """Compare a published set, every config of a repository, or a published model, with all that is at hand.

    Raises UserError for files that are missing or can't be read.
    """
    if is_model(target):
        results = model_results(target, evidence.lock) + signature_results(target, evidence.public_key)
        return Verification(str(target), any(one.mismatches for one in results), results, [])
    if is_described(target):
        results = signature_results(target, evidence.public_key)
        return Verification(str(target), any(one.mismatches for one in results), results, [])
    lock = read_lock(evidence.lock) if evidence.lock else {}
    sets = open_sets(target)
    references = list(dict.fromkeys(reference for published in sets for reference in _references(published)))
    corpora = named_corpora(evidence.corpora, references) if evidence.corpora else {}
    results = merged(
        result
        for number, published in enumerate(sets)
        for result in _results(published, evidence, corpora, lock, target, number)
    )
    models = sorted({model for one in sets if one.facts for model in trained_models(one.facts.artifact, lock)})
    return Verification(str(target), any(one.mismatches for one in results), results, models)


def _results(
    published: PublishedSet, evidence: Evidence, corpora: Mapping[str, Path], lock: Lock, target: Path, number: int
) -> list[CheckResult]:
    """The outcomes of all checks of one set. number: of the set, among those of the target."""
    processes = processes_for(published) if evidence.replies else 1
    with ExitStack() as stack:
        checks, skipped = _row_checks(published, evidence, corpora, stack, processes)
        hashes = HashCheck(published)
        for row in published.rows():
            present = with_present_names(row)
            check_types(published.data, present)
            hashes.add(row)  # by the names that were published
            for check in checks:
                check.add(present)
        results = hashes.results() + [result for check in checks for result in check.results()]
    if evidence.replies and processes > 1:
        results += reply_results(RepliesTask(target, number, evidence.replies, _folders(evidence)), processes)
    results += skipped
    results += column_results(published)
    results = [_located(published, one) for one in results] + published.own_results()
    results += signature_results(published.folder, evidence.public_key) if published.out else []
    return results + (
        lock_results(published, lock, evidence.lock) if evidence.lock else [_skipped("dvc.lock", "--lock")]
    )


def _located(published: PublishedSet, result: CheckResult) -> CheckResult:
    return msgspec.structs.replace(result, mismatches=[published.located(one) for one in result.mismatches])


def is_described(target: Path) -> bool:
    """Whether a folder has a statement and no rows, as that of a model."""
    return (target / STATEMENT).is_file() and not any(target.glob("**/*.parquet"))


def _folders(evidence: Evidence) -> list[Path]:
    """The folders of prompt files."""
    return [*evidence.prompts, *([evidence.shipped] if evidence.shipped else [])]


def _row_checks(
    published: PublishedSet, evidence: Evidence, corpora: Mapping[str, Path], stack: ExitStack, processes: int
) -> tuple[list[RowCheck], list[CheckResult]]:
    """The checks of rows that the evidence allows, and the results of those that it does not.

    Where several processes compare the replies, that check is not among them.
    """
    prompts, skipped = PromptFiles(_folders(evidence)), []
    # With folders of the user's own, these and seqit's together are to hold every prompt file.
    checks: list[RowCheck] = [
        CountCheck(published), MessageCheck(published.data),
        PromptCheck(published.data, prompts, bool(evidence.prompts)),
    ]  # fmt: skip
    if corpora:
        checks.append(SourceCheck(published.data, corpora))
    else:
        skipped.append(_skipped("source rows", "--corpus"))
    if evidence.replies and processes == 1:
        replies = stack.enter_context(open_replies(evidence.replies))
        seed = published.facts.seed if published.facts and isinstance(published.facts.seed, int) else None
        checks.append(ReplyCheck(published.data, replies, prompts, seed))
    elif not evidence.replies:
        skipped.append(_skipped("reply keys, requests and rebuilt texts", "--replies"))
    return checks, skipped


def _references(published: PublishedSet) -> list[str]:
    if published.facts:
        return [reference for reference, _, _ in published.facts.sources]
    references: Iterable[Any] = (row.get(SOURCE_REFERENCE) for row in published.rows())
    return list(dict.fromkeys(one for one in references if isinstance(one, str) and one))


def _skipped(name: str, option: str) -> CheckResult:
    log = CheckLog(name, "rows" if option != "--lock" else "files")
    log.skip(f"nothing to compare with was given ({option})")
    return log.result()
