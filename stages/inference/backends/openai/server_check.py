"""Checks a server by a probe: what it takes, and which options of params.yaml it will not work with."""

from collections.abc import Iterator
from typing import Any

from stages.core.errors import UserError
from stages.inference.backends.openai import dialects
from stages.inference.backends.openai.dialect_probe import MAX_TOKENS
from stages.inference.backends.openai.dialect_search import Findings, dialect_of, omitted_fields, sent_fields
from stages.inference.backends.openai.endpoint import Options, read_endpoint
from stages.inference.backends.openai.model_names import other_model
from stages.inference.backends.openai.request_body import WITHOUT_TOP_K, Dialect
from stages.inference.engine_interface import EngineCheck, Recall
from stages.reply_store.identity import Reference

FIELDS = ("temperature", "top_p", "top_k", "seed", "stop", "logprobs")
ENFORCED = "enforced: where a prompt allows some choices or one form (a regular expression), replies keep to it"
CONSTRAINTS = {
    "structured_outputs": f"{ENFORCED} (structured_outputs)",
    "grammar": f"{ENFORCED} (grammar)",
    "": "not enforced: replies may be none of a prompt's choices, or not of its form; those are asked for again",
}
WANTED = {"vllm": "structured_outputs", "llamacpp": "grammar"}
"""Dialect -> the field by which it asks for a constraint."""


def check(reference: Reference | None, options: dict[str, Any], recall: Recall) -> EngineCheck:
    """A check of the server that the options name. What is wrong with it is a problem of the check, not an error."""
    try:
        parsed, endpoint = read_endpoint(reference, options)
        findings, requests = dialects.learn(parsed, endpoint, recall)
    except UserError as error:
        return EngineCheck({"server": "does not work"}, [str(error)])
    dialect = dialect_of(findings) if parsed.dialect == "auto" else parsed.dialect
    facts = {
        "server": f"{endpoint.url} answers as {findings.served or endpoint.model}",
        "key": f"the one in {parsed.key_env} works" if parsed.key_env else "none is needed",
        "dialect": f"{dialect} (learnt, as `dialect: auto` says)" if parsed.dialect == "auto" else dialect,
    } | _facts(findings, dialect)
    notes = [*_notes(findings, parsed, dialect)]
    if other := other_model(str(parsed.extra.get("model", endpoint.model)), findings.served):
        notes.append(other)
    takes_top_k = parsed.dialect not in WITHOUT_TOP_K or "top_k" in parsed.omit
    return EngineCheck(facts, [*_problems(findings, parsed)], notes, requests, takes_top_k, _rate(findings))


def _rate(findings: Findings) -> float:
    """Tokens written a second."""
    return findings.tokens / max(findings.seconds, 1e-6)


def _facts(findings: Findings, dialect: Dialect) -> dict[str, str]:
    taken = [name for name in FIELDS if name not in findings.refused]
    refused = [name for name in (*FIELDS, "max_tokens", "max_completion_tokens") if name in findings.refused]
    return {
        "fields": f"takes {', '.join(taken)}" + (f"; refuses {', '.join(refused)}" if refused else ""),
        "token limit": f"{findings.limits[0]} is {'kept to' if findings.limit_kept else 'ignored'}",
        "constraints": CONSTRAINTS[findings.constraint if WANTED.get(dialect) == findings.constraint else ""],
        "logprobs": "reported" if findings.logprobs else "not reported",
        "usage": "reported" if findings.usage else "not reported, so tokens are not counted",
        "reasoning": "reasons before it answers; this is taken off replies" if findings.reasoning else "none seen",
        "speed": f"{_rate(findings):.0f} tokens/s "
        f"({findings.tokens} tokens in {findings.seconds:.1f} s, one request alone)",
    }


def _problems(findings: Findings, options: Options) -> Iterator[str]:
    """What the declared options have that the server refuses or ignores."""
    if not findings.limit_kept:
        yield (
            f"the server ignores {' and '.join(findings.limits)}: {findings.tokens} tokens where {MAX_TOKENS} were "
            "allowed; set a limit where the server is started"
        )
    if options.dialect == "auto":
        return
    limit = "max_completion_tokens" if options.dialect == "openai" else "max_tokens"
    if findings.limit_kept and limit not in findings.limits:
        other = "plain" if options.dialect == "openai" else "openai"
        verb = "refuses" if limit in findings.refused else "ignores"
        yield f"the server {verb} {limit}, which dialect {options.dialect} sends; write `dialect: auto` or `{other}`"
    if (constraint := WANTED.get(options.dialect, "")) in findings.refused:
        yield f"the server does not take {constraint}, which dialect {options.dialect} sends; write `dialect: auto`"
    refused = set(findings.refused) & set(sent_fields(options.dialect)) - {*options.omit} - options.extra.keys()
    if refused:
        names = ", ".join(sorted({*options.omit} | refused))
        yield f"the server does not take {', '.join(sorted(refused))}; write `omit: [{names}]` or `dialect: auto`"


def _notes(findings: Findings, options: Options, dialect: Dialect) -> Iterator[str]:
    if options.dialect == "auto" and (omit := omitted_fields(findings, dialect)):
        yield f"{', '.join(omit)} of `sampling` and of requests: left out, the server's default stands; rows say null"
    wanted = WANTED.get(dialect, "")
    if wanted not in ("", findings.constraint, *findings.refused):
        yield f"choices and forms are not enforced by {wanted}, which dialect {dialect} sends; write `dialect: auto`"
    if "stop" in findings.refused:
        yield "`stop` is refused: stages with worked examples end replies by it"
    if findings.reasoning:
        yield "a model that reasons needs max_tokens for that too; `reasoning: {room: 2048}` asks again with more"
