"""croissant.json: a data set described for programs, in Croissant 1.1 with its RAI extension and PROV-O.

Croissant: https://github.com/mlcommons/croissant/blob/main/docs/croissant-spec-1.1.md
RAI: https://github.com/mlcommons/croissant/blob/main/docs/croissant-rai-spec.md
PROV-O: https://www.w3.org/TR/prov-o/

Texts of corpora, models and params.yaml stand in it as literals only; an `@id` made of one is escaped as a URI. There
is no `datePublished`, which would differ between two runs that make the same rows.
"""

import re
from collections.abc import Mapping, Sequence

from stages.core.languages import base
from stages.publishing.croissant_fields import Config, JsonLd, encoding, file_set, record_id, record_set
from stages.publishing.croissant_origins import USES, provenance, purpose, responsible_ai
from stages.publishing.facts import Facts
from stages.publishing.licence_spellings import link, spelled

CROISSANT = "croissant.json"
"""File of a published folder."""
CONFORMS = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
ALIASES = re.findall(
    r"\w+",
    "annotation arrayShape citeAs column containedIn equivalentProperty excludes extract field fileObject fileProperty "
    "fileSet format includes isArray isLiveDataset jsonPath key md5 parentField path readLines recordSet references "
    "regex repeated replace samplingRate sdVersion separator source subField transform unArchive",
)
"""Terms of Croissant that stand without a prefix."""
CONTEXT: JsonLd = {
    "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/", "prov": "http://www.w3.org/ns/prov#",
    "conformsTo": "dct:conformsTo", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"}, "description": {"@container": "@language"},
    **{name: f"cr:{name}" for name in ALIASES},
}  # fmt: skip
SPDX = re.findall(
    r"\S+",
    "AFL-3.0 Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear BSL-1.0 CC-BY-2.0 CC-BY-2.5 "
    "CC-BY-3.0 CC-BY-4.0 CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 CC-BY-NC-ND-3.0 CC-BY-NC-ND-4.0 CC-BY-NC-SA-2.0 "
    "CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0 CC-BY-ND-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 CDLA-Permissive-1.0 "
    "CDLA-Permissive-2.0 CDLA-Sharing-1.0 ECL-2.0 EPL-1.0 EPL-2.0 etalab-2.0 EUPL-1.1 EUPL-1.2 ISC LPPL-1.3c MIT "
    "MPL-2.0 MS-PL NCSA OFL-1.1 OSL-3.0 PostgreSQL Unlicense WTFPL Zlib",
)
"""Identifiers of SPDX that the Hub has in small letters."""
SPDX_PAGES = {name.lower(): f"https://spdx.org/licenses/{name}" for name in SPDX}


def description(
    configs: Sequence[Config], hashes: Mapping[str, str], citation: str, whole: Facts | None = None
) -> JsonLd:  # fmt: skip
    """The description of a data set.

    configs: one or more, of one data set; without `whole`, the facts of all together, the first names it. hashes: path
    of every file to be listed -> SHA-256. citation: BibTeX. Equal arguments give equal values.
    """
    first, parts = whole or configs[0].facts, [one.facts for one in configs if one.facts is not whole]
    records = [(one, record_id(one, configs)) for one in configs]
    return {
        "@context": CONTEXT, "@type": "sc:Dataset", "conformsTo": CONFORMS, "name": first.name,
        "description": _summary(first, parts), "version": first.version, "license": _licences(parts),
        "citeAs": citation, "keywords": ["instruction tuning", "sequential instructions", "synthetic", "seqit"],
        "inLanguage": sorted({base(tag) for facts in parts for tag in facts.languages} - {""}),
        **_place(first.repository or ""), **provenance(parts), **responsible_ai(parts),
        "distribution": [*map(_file, hashes.items()), *(file_set(*one) for one in records if len(one[0].files) > 1)],
        "recordSet": [record_set(one, id) for one, id in records],
    }  # fmt: skip


def _file(entry: tuple[str, str]) -> JsonLd:
    path, sha256 = entry
    return {
        "@type": "cr:FileObject", "@id": path, "name": path, "contentUrl": path, "encodingFormat": encoding(path),
        "sha256": sha256,
    }  # fmt: skip


def _summary(first: Facts, parts: Sequence[Facts]) -> str:
    rows = sum(facts.rows for facts in parts)
    return f"{USES[purpose(first)]}. Made by seqit (arXiv 2403.07794). Rows: {rows:,}, record sets: {len(parts)}."


def _licences(parts: Sequence[Facts]) -> list[str]:
    """Addresses of the licences, or their names: of a mixture under no one licence, those of the sources."""
    own = {facts.licence for facts in parts if facts.licence != "other"}
    mixed = {licence for facts in parts if facts.licence == "other" for _, licence, _ in facts.sources}
    return sorted({SPDX_PAGES.get(spelled(name), "") or link(name) or name for name in own | mixed})


def _place(repository: str) -> JsonLd:
    if not repository:
        return {}
    owner, page = repository.partition("/")[0], f"https://huggingface.co/datasets/{repository}"
    return {
        "url": page,
        "creator": {"@type": "sc:Organization", "name": owner, "url": f"https://huggingface.co/{owner}"},
    }
