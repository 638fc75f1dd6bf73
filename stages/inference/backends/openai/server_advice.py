"""What to write in params.yaml where a server takes no request at all."""

from stages.inference.backends.openai.dialect_probe import NoAnswerError, RefusalError
from stages.inference.backends.openai.dialect_search import FieldSearch
from stages.inference.backends.openai.endpoint import with_version
from stages.inference.backends.openai.error_responses import ENDPOINT, MODEL, REMEDIES
from stages.inference.backends.openai.probe_connection import ProbeConnection

LISTED = 8
"""Models that are named, at most."""
NO_TEMPLATE = ("chat template", "chat_template")


def advice(error: RefusalError, connection: ProbeConnection) -> str:
    """What to do about a refusal. May send a few requests to other addresses of the same server."""
    options, endpoint, words = connection.options, connection.endpoint, str(error).lower()
    if error.status in (401, 403):
        return _about_key(options.key_env)
    if error.field:
        return REMEDIES.get(error.field, f"remove {error.field} from the engine's options")
    elsewhere = error.status in (404, 405) or ENDPOINT.search(words) or any(text in words for text in NO_TEMPLATE)
    if elsewhere and (text := _other_address(connection)):
        return text
    if MODEL.search(words) or error.status == 404:
        names = connection.model_names()
        if names and endpoint.model not in names:
            more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
            return (
                f"the server has no model {endpoint.model!r} but {', '.join(names[:LISTED])}{more}; write "
                f"endpoint:{endpoint.url}#{names[0]}"
            )
    return "see the server's log for the reason"


def _about_key(variable: str | None) -> str:
    if variable:
        return f"the server does not accept the API key in {variable}; set that variable to one that it does"
    return "the server wants an API key; put it into an environment variable and name that in `key_env`"


def _other_address(connection: ProbeConnection) -> str:
    """The address or the API at which the server does answer, as advice; "" where none does."""
    options, url = connection.options, connection.endpoint.url
    longer = with_version(url)
    if longer and _answers(connection, longer, options.api):
        return f"the address lacks /v1; write {longer}"
    if url.endswith(("/chat/completions", "/completions")):
        shorter = url.removesuffix("/completions").removesuffix("/chat")
        return f"the address ends too late; write {shorter}"
    other = "completions" if options.api == "chat" else "chat"
    if _answers(connection, url, other):
        return f"the server answers by another API; write `api: {other}`"
    return ""


def _answers(connection: ProbeConnection, url: str, api: str) -> bool:
    try:
        FieldSearch(connection.probe(url, api), api, "max_tokens").run()
    except RefusalError as error:
        return error.status not in (404, 405)
    except NoAnswerError:
        return False
    return True
