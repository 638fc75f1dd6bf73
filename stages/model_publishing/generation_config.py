"""generation_config.json of a published model: ends at the turn's end, samples as it was evaluated."""

from collections.abc import Mapping
from typing import Any

SAMPLING = ("do_sample", "temperature", "top_p", "top_k", "min_p", "typical_p", "max_new_tokens", "max_length")
"""Fields that say how tokens are drawn, and how many."""


def generation_config(
    base: Mapping[str, Any], specials: Mapping[str, int], sampling: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The file's contents.

    base: the base model's; its other fields stay. specials: bos, eos and pad of the tokenizer; the end of sequence is
    one of the tokens that end an answer, whatever the base says. sampling: that of the evaluation; None leaves the
    base's. There is no limit of tokens: servers take that for the most that anybody may ask for.
    """
    config = dict(base)
    if sampling is not None:
        config = {key: value for key, value in base.items() if key not in SAMPLING}
        config["do_sample"] = bool(sampling["temperature"])
        if sampling["temperature"]:
            config |= {key: sampling[key] for key in ("temperature", "top_p", "top_k")}
    for name, token in specials.items():
        config.setdefault(f"{name}_token_id", token)
    ends = config["eos_token_id"] if isinstance(config.get("eos_token_id"), list) else [config.get("eos_token_id")]
    if "eos" in specials and specials["eos"] not in ends:
        config["eos_token_id"] = [specials["eos"], *(end for end in ends if end is not None)]
    return config
