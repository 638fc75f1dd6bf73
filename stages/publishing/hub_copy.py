"""A published data set on the Hub, as a folder of huggingface_hub's cache."""

import re
from pathlib import Path
from typing import Any

import msgspec

from stages.core.errors import UserError
from stages.core.hub_errors import hub_errors

PREFIX = "hub:"
LOCAL = "name a folder that `hf download` wrote"
VERSION = re.compile(r"v?(\d+(?:\.\d+)*)")
"""A tag that is a version: "v0.1.0"."""


class HubCopy(msgspec.Struct, frozen=True):
    """A repository at a commit, downloaded."""

    folder: Path
    repository: str
    """ORG/NAME."""
    revision: str
    """The tag, branch or commit that was named, or chosen."""
    is_chosen: bool
    """Whether no revision was named: the newest version was taken, or main where there is none."""
    commit: str
    """What the revision stood for, in full."""

    @property
    def note(self) -> str:
        """What was read, in one line."""
        chosen = ", the newest version" if self.is_chosen and self.revision != "main" else ""
        chosen = ", as no tag is a version" if self.is_chosen and self.revision == "main" else chosen
        return f"{PREFIX}{self.repository}@{self.revision}{chosen}: read at commit {self.commit}"


def download(reference: str) -> HubCopy:
    """The files of hub:ORG/NAME@REVISION; without a revision those of the newest tag that is a version, else of main.

    Files that the cache has are not downloaded again. The endpoint is HF_ENDPOINT, the token HF_TOKEN, as for
    huggingface_hub everywhere. Raises UserError where the Hub has no such data set or revision, refuses, or can't be
    reached.
    """
    repository, at, revision = reference.removeprefix(PREFIX).partition("@")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository) or (at and not revision):
        raise UserError(f"{reference}: write {PREFIX}ORG/NAME@TAG, as in {PREFIX}lab/rows@v0.1.0")
    with hub_errors(f"{PREFIX}{repository}{at}{revision}", LOCAL):
        from huggingface_hub import HfApi, snapshot_download

        api = HfApi()
        chosen = revision or _newest(api, repository)
        commit = api.repo_info(repository, revision=chosen, repo_type="dataset").sha
        folder = snapshot_download(repository, revision=commit, repo_type="dataset")
    return HubCopy(Path(folder), repository, chosen, not revision, str(commit))


def _newest(api: Any, repository: str) -> str:
    """The tag with the highest version; "main" where no tag is one."""
    refs = api.list_repo_refs(repository, repo_type="dataset")
    versions = [
        ([int(part) for part in match[1].split(".")], tag.name)
        for tag in refs.tags
        if (match := VERSION.fullmatch(tag.name))
    ]
    return max(versions)[1] if versions else "main"
