"""What may be a secret is named and not shown, in whatever form it stands."""

import base64
import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.redaction import Redactor, secret_in_url, secrets_in, without_secrets
from stages.params.engine_sections import Model

KEY = "sk-SECRETab/cd+EF0123=XYZ"
ORDINARY: dict[str, Any] = {
    "stop_token_ids": [128009], "min_tokens": 1, "skip_special_tokens": False, "thinking_token_budget": 512,
    "max_completion_tokens": 200, "prompt_cache_key": "a", "eos_token": "</s>", "token": 5, "tokens": ["a"],
    "safety_identifier": "user-1", "chat_template_kwargs": {"enable_thinking": False}, "logit_bias": {"50256": -100},
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "keys": ["a"]}}, "user": "me",
    "reasoning": {"effort": "low", "max_tokens": 9}, "provider": {"order": ["a/b"], "sort": "price"}, "key": None,
    "stop": ["\n\n", "<|end|>"], "author": "me", "monkey": "x", "service_tier": "flex", "keyboard": "qwerty",
}  # fmt: skip


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_field_is_no_secret(name: str) -> None:
    assert list(secrets_in({name: ORDINARY[name]}, "extra")) == []


SECRETS: dict[str, tuple[Any, str]] = {
    "header": ({"extra_headers": {"Authorization": "Bearer abc"}}, "extra.extra_headers.Authorization"),
    "x-api-key": ({"headers": {"x-api-key": "abc"}}, "extra.headers.x-api-key"),
    "camel": ({"apiKey": "abc"}, "extra.apiKey"),
    "subscription": ({"a": [{"Ocp-Apim-Subscription-Key": "abc"}]}, "extra.a[0].Ocp-Apim-Subscription-Key"),
    "password": ({"password": "abc"}, "extra.password"),
    "token": ({"hf_token": "abc"}, "extra.hf_token"),
    "bare": ({"key": "abc"}, "extra.key"),
    "value": ({"a": {"b": "sk-proj-0123456789"}}, "extra.a.b"),
    "in a list": ({"a": ["x", "Basic dXNlcjpwYXNz"]}, "extra.a[1]"),
    "url": ({"proxy": "http://me:pw@h/"}, "extra.proxy"),
    "jwt": ({"a": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"}, "extra.a"),
}


@pytest.mark.parametrize("case", SECRETS)
def test_a_secret_is_named_by_its_path(case: str) -> None:
    value, path = SECRETS[case]
    assert [where for where, _ in secrets_in(value, "extra")] == [path]


URLS = {
    "http://me:pw@h/v1": "a user or password",
    "http://me@h/v1": "a user or password",
    "http://me:p/w@h:80/v1": "a user or password",
    "http://h/v1?api_key=pw": "what follows the ?",
    "http://h?pw": "what follows the ?",
    "http://h/v1/sk-pw0123456789": "a part of its path",
    "http://h/key/pw/v1": "a part of its path",
    "http://h/token=pw/v1": "a part of its path",
    "http://h/aB3dE5gH7jK9mN1pQ3sT5/v1": "a part of its path",
    "https://api.cloudflare.com/client/v4/accounts/0123456789abcdef0123456789abcdef/ai/v1": "",
    "https://r.openai.azure.com/openai/deployments/gpt-4o-Mini-2024-07-18/v1#gpt-4o": "",
    "http://h:8000/v1#org/Model-70B@a1b2": "",
    "http://[::1]:8000/v1": "",
    "http://h/auth/v1": "",
}


@pytest.mark.parametrize("url", URLS)
def test_a_secret_in_an_address_is_refused_and_not_shown(url: str) -> None:
    assert secret_in_url(url) == URLS[url]
    shown = without_secrets(f"endpoint:{url} is down")
    assert "pw" not in shown and "aB3dE" not in shown
    assert (shown == f"endpoint:{url} is down") == (not URLS[url])
    if URLS[url]:
        with pytest.raises(ValueError, match="may be a secret") as told:
            Model(reference=f"endpoint:{url}#m")
        assert "pw" not in str(told.value.errors(include_input=False))  # type: ignore[attr-defined]
    else:
        Model(reference=f"endpoint:{url}#m")


FORMS = {
    "as it is": KEY,
    "JSON": json.dumps(KEY)[1:-1].replace("/", "\\/"),
    "URL": quote(KEY, safe=""),
    "URL, small": re.sub("%..", lambda code: code[0].lower(), quote(KEY, safe="")),
    "hexadecimal": KEY.encode().hex(),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 of the header": base64.b64encode(f"Bearer {KEY}".encode()).decode(),
    "base64 of user and key": base64.b64encode(f"u:{KEY}\n".encode()).decode(),
    "URL-safe base64": base64.urlsafe_b64encode(f"a{KEY}".encode()).decode(),
    "URL, twice": quote(quote(KEY, safe=""), safe=""),
    "URL, every character": "".join(f"%{ord(c):02X}" for c in KEY),
    "HTML": KEY.replace("/", "&#x2F;").replace("+", "&#43;").replace("=", "&equals;"),
    "HTML, every character": "".join(f"&#{ord(c)};" for c in KEY),
    "JSON, every character": "".join(f"\\u{ord(c):04x}" for c in KEY),
    "Python, every character": "".join(f"\\x{ord(c):02x}" for c in KEY),
    "hexadecimal with spaces": " ".join(f"{ord(c):02x}" for c in KEY),
    "two lines": KEY[:9] + "\n  " + KEY[9:],
    "base64 in lines": re.sub(r"(.{9})", r"\1\n", base64.b64encode(KEY.encode()).decode()),
    "cut off": KEY[:-6],
    "without its prefix": KEY[3:],
    "stars": "sk-SECRE****=XYZ",
    "stars in the middle": "sk-SE***YZ",
    "dots": "sk-SECR...XYZ",
    "an ellipsis": "sk-SEC…XYZ",
    "x": "sk-SECxxxxxxxxYZ",
    "the end alone": "********=XYZ",
    "another's": "sk-ab***xy",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_shown_in_no_form(form: str) -> None:
    redactor = Redactor(KEY)
    message = redactor.message(f"Incorrect API key provided: {FORMS[form]}. You can find yours at https://h/keys.")
    assert "***" in message and "You can find yours" in message
    for part in (
        "SECRE",
        "XYZ",
        "sk-SE",
        "sk-ab",
        "xy.",
        KEY[4:9].encode().hex(),
        base64.b64encode(KEY[:9].encode()).decode(),
    ):
        assert part not in message


@given(st.text("abcXYZ019-_/+=", min_size=12, max_size=60), st.binary(max_size=5), st.binary(max_size=5))
def test_base64_of_any_text_around_a_key(key: str, before: bytes, after: bytes) -> None:
    encoded = base64.b64encode(before + key.encode() + after).decode()
    left = Redactor(key).message(f"{encoded}")
    assert "***" in left and len(left.replace("***", "")) <= 4 + 4 * (len(before) + len(after) + 2) // 3


@pytest.mark.parametrize(
    "text", ["**bold** and x*y", "so on ... and on", "see sk-learn", "10xxxx", "f(*args, **kwargs)", "wait…"]
)
def test_other_texts_stay(text: str) -> None:
    assert Redactor(KEY).message(text) == text
    assert Redactor("").message(text) == text


@given(st.text("abcXYZ019-_/+=%&.", min_size=12, max_size=60), st.data())
def test_no_long_part_of_a_key_is_shown(key: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(key) - 12))
    part = key[start : data.draw(st.integers(start + 12, len(key)))]
    redactor = Redactor(key)
    for shown in (redactor.message(f"<{part}>"), redactor.completion(f"{part}\n{part}")):
        assert part not in shown and "***" in shown
    assert redactor.completion("An answer, 100% of it, at https://h/a?b=c&d=%20e.") == (
        "An answer, 100% of it, at https://h/a?b=c&d=%20e."
    )


def test_a_key_as_short_as_a_word_stays_in_completions() -> None:
    assert Redactor("EMPTY").data(b"an EMPTY room", completion=True) == b"an EMPTY room"
    assert Redactor("EMPTY").data(b"bad key EMPTY", completion=False) == b"bad key ***"
    assert Redactor(KEY).data(f"a {KEY}".encode(), completion=True) == b"a ***"
