"""Whether the model that a server's response names is the one that the request names.

Servers write a name in many forms. llama.cpp gives a file's path, vLLM a folder's; hosted APIs put a snapshot in the
place of an alias (gpt-4o -> gpt-4o-2024-08-06, mistral-large-latest -> mistral-large-2411); routers add or leave out a
prefix.

Sources: https://platform.openai.com/docs/models, https://docs.mistral.ai/getting-started/models,
https://openrouter.ai/docs/models, https://docs.vllm.ai/en/latest/features/lora.html.
"""

import re

from stages.core.errors import one_line

LONGEST_NAME = 200
"""Characters of a name that are shown and stored."""
_WEIGHTS = re.compile(r"(-\d{5}-of-\d{5})?\.gguf$")
_SNAPSHOT = re.compile(r"[-_.:@](20\d\d-?[01]\d-?[0-3]\d|[0-3]\d[0-3]\d)(?=$|[-_.:@])")
"""A date in a name, in full or of four digits (0613: a month and a day; 2411: a year and a month)."""
_LATEST = re.compile(r"[-_.:@]latest$")


def other_model(requested: str, served: str) -> str:
    """For people: that the response names another model than the request; "" where the two names may mean the same."""
    if same_model(requested, served):
        return ""
    names = (one_line(name)[:LONGEST_NAME] for name in (requested, served))
    return (
        "replies come from a model that the server calls {1!r}; it was asked for as {0!r}, which changes nothing if "
        "both are one model: servers with a single model, as llama.cpp's, answer to any name"
    ).format(*names)


def same_model(name: str, other: str) -> bool:
    """Whether two names may mean the same model: one contains the other, by letters and digits.

    Of paths, the last part is looked for in the whole of the other name. Names of two different snapshots differ, and a
    snapshot is the same as a name without one. "" says nothing, and is the same as any. A model whose name continues
    that of another (gpt-4o, gpt-4o-mini) counts as the same: what follows may as well name a quantisation.
    """
    if name == other or _overlap(name, other):
        return True
    if _SNAPSHOT.search(name) and _SNAPSHOT.search(other):
        return False
    return _overlap(_undated(name), _undated(other))


def _overlap(name: str, other: str) -> bool:
    return _last(name) in _plain(other) or _last(other) in _plain(name)


def _last(name: str) -> str:
    """The part of a path that names the model."""
    return _plain(re.split(r"[/\\]", name.strip().rstrip("/\\"))[-1])


def _plain(name: str) -> str:
    """Letters and digits, small."""
    return "".join(filter(str.isalnum, _WEIGHTS.sub("", name.strip().lower())))


def _undated(name: str) -> str:
    """Without its snapshot, or the word that stands for the newest."""
    return _LATEST.sub("", _SNAPSHOT.sub("", name.strip().lower()))
