"""Licences as the Hub calls them, from SPDX identifiers, names, addresses and the spellings that people use.

https://huggingface.co/docs/hub/repositories-licenses
"""

import re

HUB = frozenset(
    re.findall(
        r"\S+",
        """
    afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m bigscience-bloom-rail-1.0
    bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5
    cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0
    cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0 etalab-2.0
    eupl-1.1 eupl-1.2 fair-noncommercial-research-license gemma gfdl gpl gpl-2.0 gpl-3.0 grok2-community h-research
    intel-research isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 lppl-1.3c mit
    mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openmdw-1.0 openrail openrail++ osl-3.0 pddl postgresql unlicense wtfpl zlib
        """,
    )
)
"""Identifiers that the Hub accepts, but "other" and "unknown"."""
NOISE = frozenset(
    re.findall(
        r"\w+",
        """
    a clause deed fsf generic gnu international later license licence of only open or revised simplified software source
    standard style the under unported v ver version community agreement terms intl
        """,
    )
)
FAMILIES = {
    "affero general public": "agpl", "general public": "gpl", "lesser general public": "lgpl",
    "library general public": "lgpl", "free documentation": "gfdl", "mozilla public": "mpl", "eclipse public": "epl",
    "european union public": "eupl", "european public union": "eupl", "boost": "bsl", "expat": "mit", "x11": "mit",
    "new bsd": "bsd-3", "bsd new": "bsd", "modified bsd": "bsd-3", "microsoft public": "ms-pl",
    "sil font": "ofl", "font sil": "ofl",
    "academic free": "afl", "educational community": "ecl", "data commons attribution": "odc-by", "odc attribution":
    "odc-by", "data commons odc by": "odc-by", "data commons attribution odc by": "odc-by", "odc by": "odc-by",
    "database": "odbl", "data commons database": "odbl", "data commons database odbl": "odbl", "database odbl": "odbl",
    "data commons public domain dedication and": "pddl", "public domain dedication and": "pddl",
    "data commons public domain dedication and pddl": "pddl", "gplv": "gpl", "lgplv": "lgpl", "agplv": "agpl",
    "mplv": "mpl", "eplv": "epl", "euplv": "eupl", "asl": "apache", "apachev": "apache", "llama meta": "llama",
    "meta llama": "llama", "google gemma": "gemma", "isc": "isc", "un": "unlicense",
}  # fmt: skip
"""The words of a name, without NOISE -> what the Hub's identifier begins with."""

UNVERSIONED = frozenset(["gfdl", "isc", "odbl", "odc-by", "pddl", "unlicense", "wtfpl", "zlib"])
"""What the Hub has no versions of, though the licence has."""


def spelled(licence: str) -> str:
    """A licence as the Hub calls it; what it does not know, or could be several, in small letters as it stands."""
    small = " ".join(licence.split()).lower()
    key = re.sub(r"[^a-z0-9.+]+", "-", small).strip("-.")
    return next((name for name in (key, _creative_commons(key), _named(key)) if name in HUB), small)


def link(licence: str) -> str:
    """Where a licence that the Hub has no identifier for is to be read; "" where that is not known."""
    small = licence.strip()
    if re.fullmatch(r"https?://[^\s<>\"'`\\]+", small):
        return small
    name = _creative_commons(re.sub(r"[^a-z0-9.+]+", "-", small.lower()))
    parts = re.fullmatch(r"cc-(by[a-z-]*)-(\d\.\d)", name)
    return f"https://creativecommons.org/licenses/{parts[1]}/{parts[2]}/" if parts else ""


def _creative_commons(key: str) -> str:
    """ "cc-by-nc-sa-4.0" of any way to say so; "" for other licences, and without a version."""
    several = re.search(r"(^|-)(and|or|with|mit|apache|gpl|bsd)(-|$)", key)
    if several or not re.search(r"(^|-)(cc|creative-?commons|creativecommons\.org)(-|0|$)", key):
        return ""
    version = re.search(r"(?<![\d.])(\d)(?:\.(\d))?(?:\.0)?(?![\d.]|\.\d)", re.sub(r"cc-?0", "zero", key))
    number = f"{version[1]}.{version[2] or 0}" if version else ""
    if re.search(r"cc-?0|(^|-)zero(-|$)", key):
        return "cc0-1.0" if number in ("", "1.0") else ""
    wanted = {"by": r"by|attribution", "nc": r"nc|non-?commercial", "sa": r"sa|share-?alike", "nd": r"nd|no-?deriv\w*"}
    parts = [part for part, names in wanted.items() if re.search(rf"(^|-)({names})(-|$)", _apart(key))]
    return "-".join(["cc", *parts, number]) if number and "by" in parts else ""


def _apart(key: str) -> str:
    """Names that are written as one word, in parts: "attributionnoncommercial"."""
    return re.sub(r"(attribution|noncommercial|sharealike|noderiv(?:ative)?s?)", r"-\1-", key)


def _named(key: str) -> str:
    """An identifier of a family of licences with its version."""
    tokens = re.findall(r"[a-z]+(?:11(?!\d))?|\d+(?:\.\d+)*", key)
    words = dict.fromkeys(token for token in tokens if not token[0].isdigit() and token not in NOISE)
    numbers = list(dict.fromkeys(token for token in tokens if token[0].isdigit()))
    family = FAMILIES.get(" ".join(words), "-".join(words))
    if len(numbers) > 1 or not family:
        return ""
    number = numbers[0] if numbers else ""
    full = number if "." in number or not number else f"{number}.0"
    tried = (f"{family}-{number}-clause", f"{family}-clause", f"{family}-{full}", f"{family}{number}")
    bare = family if not number or family in UNVERSIONED else ""
    return next((name for name in (*tried, bare) if name in HUB), "")
