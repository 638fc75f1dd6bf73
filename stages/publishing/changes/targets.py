"""What `seqit diff` is given: a folder, a Parquet file, or a set on the Hub."""

from functools import partial

from stages.core.project import given_path
from stages.publishing.changes.compare_versions import LeftOut
from stages.publishing.changes.left_out import by_checkout
from stages.publishing.changes.published_version import Version, open_version
from stages.publishing.hub_copy import PREFIX, download


def open_target(word: str) -> tuple[Version, LeftOut]:
    """The version that a word of the command line names, and what is known of rows that it has not.

    That is nothing but where the set lies in the checkout that made it. Raises UserError where there is no such set.
    """
    if word.startswith(PREFIX):
        return open_version(download(word).folder, word), lambda ids: {}
    path = given_path(word)
    version, published = open_version(path), path.absolute().parent
    if version.facts is None or published.parts[-2:] != ("data", "published"):
        return version, lambda ids: {}
    return version, partial(by_checkout, published.parents[1], version.facts.artifact)
