"""The API key and the proxy that the environment names; neither is ever shown."""

import os
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from stages.core.errors import UserError
from stages.inference.backends.openai.endpoint import reachable


def api_key(variable: str | None) -> str:
    """The API key; "" where none is asked for. Raises UserError, without the key, for one that no header can hold."""
    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise UserError(f"{variable} is not set; params.yaml names it as the variable that holds the API key")
    if not key.isprintable():
        raise UserError(f"{variable} holds a line end or another control character; set it again to the API key alone")
    return key


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names. Raises UserError, without its password, where it is no HTTP proxy."""
    parts = urlsplit(url)
    found = None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
    if not found:
        return None
    address = found if "://" in found else f"http://{found}"
    if not reachable(address):
        name = f"{parts.scheme}_proxy"
        raise UserError(f"{name} is no address of an HTTP proxy; write http://host:port, or add the server to no_proxy")
    return address
