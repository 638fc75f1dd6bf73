"""Removes secrets from what is printed and stored, in all forms in which a server may repeat them."""

import base64
import json
import re
from collections.abc import Iterator
from html.entities import html5
from typing import Any
from urllib.parse import quote, quote_plus, unquote

STARS = "***"
SHORTEST = 12
"""Characters from which a key can't be a word of a text."""

SPACE = r"(?:\s|\\[nrt])*"
"""What may stand between the characters of a key that was broken into lines."""

NAMES = frozenset(
    [
        "secret",
        "secrets",
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "authorization",
        "auth",
        "bearer",
        "cookie",
        "cookies",
        "credential",
        "credentials",
        "apikey",
        "jwt",
        "signature",
        "sig",
    ]
)
"""Words of a field's name that say that its value is a secret."""
ORDINARY = frozenset(
    [
        "cache",
        "eos",
        "bos",
        "pad",
        "stop",
        "unk",
        "start",
        "end",
        "mask",
        "sep",
        "cls",
        "think",
        "thinking",
        "image",
        "begin",
        "next",
        "first",
        "last",
        "max",
        "min",
        "new",
        "prefix",
        "group",
        "sort",
        "special",
    ]
)
"""Words before `key` or `token` in names of ordinary fields (prompt_cache_key, eos_token)."""
BEFORE = frozenset(["key", "api-key", "api_key", "apikey", "token", "secret", "password"])
"""Parts of a path that a secret follows."""
VALUE = re.compile(
    r"\b(?:bearer|basic)\s+[\w.~+/=-]{8,}|\b(?:sk|pk|rk|gsk|xai|pplx|nvapi|r8)[-_][\w-]{8,}|\bhf_\w{12,}|\bgh[pousr]_\w{12,}"
    r"|\bgithub_pat_\w+|\bakia[0-9a-z]{12,}|\baiza[\w-]{20,}|\bxox[abprs]-[\w-]{8,}|\bey[jk][\w-]{8,}\.[\w-]{8,}",
    re.IGNORECASE,
)
"""Texts that are keys of the usual forms."""
AUTHORITY = re.compile(r"""(://)(?:[^\s/@'"#?]*:(?!\d{1,5}(?:[/?#\s'"]|$))[^\s'"#?]*@|[^\s/@'"<>]+@)""")
QUERY = re.compile(r"""(\b[a-z][a-z0-9+.-]*://[^\s'"?#]*)\?[^\s'"#]+""", re.IGNORECASE)
AFTER = re.compile(rf"""(/(?:{"|".join(BEFORE)})/)[^\s/'"?#]+""", re.IGNORECASE)
PATH = re.compile(r"""(?<=/)[^\s/'"?#]+""")
MASKED = re.compile(r"""[^\s"'`<>(),;:\[\]{}]*(?:\*{2,}|•{2,}|…|\.{3,}|x{4,})[^\s"'`<>(),;\[\]{}]*""", re.IGNORECASE)
"""A word of which a part is hidden."""


def without_secrets(text: str) -> str:
    """`text` with *** for the user and password, the query, and keys in the path of every URL in it."""
    if "://" not in text:
        return text
    text = QUERY.sub(rf"\1?{STARS}", AUTHORITY.sub(rf"\1{STARS}@", text))
    text = AFTER.sub(rf"\1{STARS}", text)
    return PATH.sub(lambda part: STARS if _is_key(part[0]) else part[0], text)


def secret_in_url(url: str) -> str:
    """What of a URL may be a secret, in words; "" if nothing."""
    rest = url.partition("://")[2]
    authority, _, path = rest.partition("/")
    if "@" in authority or (":" in authority and "@" in rest.partition("#")[0] and AUTHORITY.search(url)):
        return "a user or password"
    path, _, query = path.partition("#")[0].partition("?")
    if query or "?" in authority:
        return "what follows the ?"
    segments = path.split("/")
    if any(map(_is_key, segments)) or any(name.lower() in BEFORE for name in segments[:-1]):
        return "a part of its path"
    return ""


def _is_key(segment: str) -> bool:
    """Whether a part of a path is a key: of a usual form, named so, or as random as only keys are."""
    text = unquote(segment)
    name, _, value = text.partition("=")
    random = re.fullmatch(r"\w{20,}", text) and all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]", r"\d.*\d"))
    return bool(VALUE.search(text) or random or (value and _is_secret_name(name, value)))


def secrets_in(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """(path, why) of everything in a value of params.yaml that looks like a secret; never the secret itself."""
    if isinstance(value, dict):
        for name, one in value.items():
            where = f"{path}.{name}"
            if _is_secret_name(str(name), one):
                yield where, "by its name"
            else:
                yield from secrets_in(one, where)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from secrets_in(one, f"{path}[{number}]")
    elif isinstance(value, str) and (VALUE.search(value) or ("://" in value and secret_in_url(value))):
        yield path, "by the form of its value"


def _is_secret_name(name: str, value: Any) -> bool:
    """Whether a field of this name holds a secret. Numbers, switches and lists of numbers hold none."""
    texts = value if isinstance(value, list) else [value]
    if not any(isinstance(one, str | dict) for one in texts):
        return False
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())
    if NAMES & set(words):
        return True
    keys = [place for place, word in enumerate(words) if word in ("key", "token")]
    return isinstance(value, str) and any(place == 0 or words[place - 1] not in ORDINARY for place in keys)


class Redactor:
    """Takes one key out of whatever a server sends, in every form in which it may repeat it."""

    def __init__(self, key: str) -> None:
        """`key`: "" where there is none."""
        self._key = key
        self._forms = sorted(_forms(key), key=len, reverse=True) if key else []
        self._raw = [form.encode() for form in self._forms]
        long = len(key) >= SHORTEST
        self._pieces = sorted({key[at : at + SHORTEST] for at in range(len(key) - SHORTEST + 1)})
        self._probes = _probes(key) if long else []
        self._escaped = re.compile("".join(map(_any_escape, key)))
        self._spaced = {form: re.compile(SPACE.join(map(re.escape, form))) for form in self._forms if long}

    def data(self, data: bytes, completion: bool) -> bytes:
        """A response. In a completion, a key as short as a word ("EMPTY", as local servers are told) stays."""
        if completion and len(self._key) < SHORTEST:
            return data
        for form in self._raw:
            if form in data:
                data = data.replace(form, STARS.encode())
        return data

    def completion(self, text: str) -> str:
        """What a model wrote, from which JSON's escapes are gone."""
        return text if len(self._key) < SHORTEST else self._exact(text)

    def message(self, text: str) -> str:
        """An error, without the key and without what a server left of it in words such as sk-ab***yz."""
        return MASKED.sub(lambda word: STARS if self._is_rest(word[0]) else word[0], self._exact(text))

    def _exact(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                text = text.replace(form, STARS)
        if any(probe in text for probe in self._probes):
            text = self._escaped.sub(STARS, text)
        return self._without_pieces(self._without_spaced(text)) if self._spaced else text

    def _without_spaced(self, text: str) -> str:
        """Without what is the key once white space is left out, as in the lines of a mail's base64."""
        joined = "".join(text.split())
        for form, pattern in self._spaced.items():
            if form in joined:
                text = pattern.sub(STARS, text)
        return text

    def _without_pieces(self, text: str) -> str:
        """Without any part of the key that is too long to be a word, as where a server cut it off."""
        hidden = [match.span() for piece in self._pieces if piece in text for match in _each(piece, text)]
        if not hidden:
            return text
        merged = _merged(hidden)
        starts, ends = [start for start, _ in merged], [end for _, end in merged]
        return STARS.join(text[end:start] for end, start in zip([0, *ends], [*starts, None], strict=True))

    def _is_rest(self, word: str) -> bool:
        """Whether a partly hidden word shows a part of a key, ours or another."""
        shown = [part for part in re.split(r"\*+|•+|…|\.{3,}|[xX]{4,}", word.rstrip(".")) if part]
        ours = self._key and any(
            len(part) > 1 and (self._key.startswith(part) or self._key.endswith(part)) for part in shown
        )
        return bool(ours) or bool(re.match(r"(sk|pk|gsk|hf|key|xai|nvapi|gh.)[-_]", word))


def _each(piece: str, text: str) -> Iterator[re.Match[str]]:
    return re.finditer(re.escape(piece), text)


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that overlap or touch as one, in order."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        begun, ended = merged.pop() if merged and start <= merged[-1][1] else (start, end)
        merged.append((begun, max(ended, end)))
    return merged


def _any_escape(character: str) -> str:
    """A pattern of a character as itself, as in URLs (however often escaped), in HTML, and in strings of programs."""
    code = ord(character)
    digits = f"(?i:{code:02x})"
    named = "".join(f"|&{name}" for name, text in html5.items() if text == character and name.endswith(";"))
    return (
        rf"(?:{re.escape(character)}|%(?:25)*{digits}|\\+u00{digits}|\\+x{digits}|&#0*{code};|&#[xX]0*{digits};{named})"
    )


def _probes(key: str) -> list[str]:
    """What a text that holds the escaped key holds in any case; to look for these is fast.

    Either letters and digits stand as they are, or each character is escaped.
    """
    code = ord(key[0])
    longest = max(re.findall(r"[A-Za-z0-9]+", key), key=len, default=key)
    return [longest, f"&#{code};", *(f"{mark}{digits}" for mark in ("%", "%25", "\\u00", "\\x", "&#x", "&#X")
                                     for digits in {f"{code:02x}", f"{code:02X}"})]  # fmt: skip


def _forms(key: str) -> set[str]:
    """The key as it stands in JSON, in a URL, in hexadecimal, and in base64 of any text around it."""
    escaped = json.dumps(key)[1:-1], json.dumps(key, ensure_ascii=False)[1:-1]
    forms = {key, *escaped, *(form.replace("/", "\\/") for form in escaped)}
    forms |= {form.replace("\\", "\\\\") for form in forms}  # a text within the text of another
    if len(key) < SHORTEST:
        return forms
    for encoded in (quote(key, safe=""), quote(key), quote_plus(key)):
        forms |= {encoded, re.sub(r"%..", lambda code: code[0].lower(), encoded)}
    forms |= {key.encode().hex(), key.encode().hex().upper()}
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + key.encode()).decode().rstrip("=")
        # The characters at both ends hold bits of what stands around the key.
        inner = whole[(before * 8 + 5) // 6 :][: (len(key.encode()) * 8 - (6 - before * 8 % 6) % 6) // 6]
        forms |= {inner, inner.replace("+", "-").replace("/", "_")}
    return forms
