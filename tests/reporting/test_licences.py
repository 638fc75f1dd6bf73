"""Licences as the Hub spells them, of mixes, and what stands of them in the card."""

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stages.publishing.licence_spellings import HUB, link, spelled
from stages.publishing.licences import CONDITIONS, cautions, strictest
from stages.publishing.markdown import code, escaped, table
from tests.publishing.written import publication
from tests.reporting.examples import record, step

SPELLINGS = {
    "cc-by-4.0": ["CC BY 4.0", "CC-BY-4.0", "cc by 4", "cc_by_4.0", "Creative Commons Attribution 4.0 International",
                  "https://creativecommons.org/licenses/by/4.0/", "Attribution 4.0 International (CC BY 4.0)"],
    "cc-by-nc-2.0": ["cc-by-nc-2.0", "CC BY-NC 2.0"],
    "cc-by-nc-sa-4.0": ["CC BY-NC-SA 4.0", "Creative Commons Attribution-NonCommercial-ShareAlike 4.0"],
    "cc-by-sa-3.0": ["CC BY-SA 3.0 Unported", "http://creativecommons.org/licenses/by-sa/3.0"],
    "cc0-1.0": ["CC0", "CC0 1.0", "Creative Commons Zero v1.0 Universal"],
    "mit": ["MIT", "MIT License", "The MIT License (MIT)", "mit licence", "Expat"],
    "apache-2.0": ["Apache 2", "Apache-2.0", "Apache License, Version 2.0", "apache2", "Apache Software License 2.0"],
    "gpl-3.0": ["gpl-3.0", "GPLv3", "GPL-3.0-only", "GPL-3.0-or-later", "GNU General Public License v3.0"],
    "lgpl-2.1": ["LGPLv2.1", "GNU Lesser General Public License v2.1 only"],
    "agpl-3.0": ["AGPL-3.0", "GNU Affero General Public License v3.0"],
    "bsd-3-clause": ["BSD-3-Clause", "3-clause BSD", "New BSD License", 'BSD 3-Clause "New" or "Revised" License'],
    "odc-by": ["ODC-By-1.0", "Open Data Commons Attribution License (ODC-By) v1.0"],
    "odbl": ["ODbL-1.0", "Open Database License (ODbL)"],
    "mpl-2.0": ["MPL 2.0", "Mozilla Public License 2.0"],
    "gfdl": ["GFDL-1.3", "GNU Free Documentation License"],
    "llama3.1": ["Llama 3.1 Community License"],
    "llama3": ["Meta Llama 3"],
    "bsl-1.0": ["Boost Software License 1.0"],
    "cdla-permissive-2.0": ["CDLA-Permissive-2.0"],
}  # fmt: skip
UNKNOWN = [
    "", "proprietary", "in-house", "CC-BY", "CC BY-SA 2.0", "Apache", "Apache 1.1", "GPL-1.0", "BSD 4-Clause", "mit-0",
    "CC BY 4.0 and MIT", "MIT or Apache-2.0", "public domain", "cc-by-5.0", "0BSD", "see README", "other", "unknown",
    "GPL-2.0-only WITH Classpath-exception-2.0", "AGPL", "<script>mit</script>",
]  # fmt: skip


@pytest.mark.parametrize(("licence", "name"), [(text, name) for name, texts in SPELLINGS.items() for text in texts])
def test_common_spellings_become_the_hubs_identifiers(licence: str, name: str) -> None:
    assert spelled(licence) == name and name in HUB


@pytest.mark.parametrize("licence", UNKNOWN)
def test_what_the_hub_does_not_know_or_is_not_clear_is_other(licence: str) -> None:
    assert spelled(licence) not in HUB and strictest([licence]) == "other"
    assert cautions([licence], [])


@pytest.mark.parametrize("name", sorted(HUB))
def test_every_identifier_of_the_hub_stays(name: str) -> None:
    assert spelled(name.upper()) == name == strictest([name, name]) and cautions([name], []) == []


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["MIT License", "Apache 2"], "mit"),
        (["GPLv3", "MIT"], "gpl-3.0"),
        (["cc-by-nc-2.0", "CC BY 4.0"], "cc-by-nc-2.0"),
        (["CC BY-SA 3.0", "CC BY-SA 4.0"], "cc-by-sa-4.0"),
        (["CC BY-SA 4.0", "GPLv3"], "other"),
        (["gemma"], "gemma"),
        (["gemma", "MIT"], "other"),
        ([], "other"),
    ],
)
def test_the_licence_of_a_mix(licences: list[str], expected: str) -> None:
    assert strictest(licences) == expected


def test_two_licences_that_want_a_mix_under_themselves_are_told() -> None:
    (told,) = cautions(["CC BY-SA 4.0", "GPLv3"], [])
    assert "cc-by-sa and gpl" in told


def test_conditions_are_of_identifiers_that_the_hub_has() -> None:
    assert CONDITIONS.keys() <= HUB
    assert CONDITIONS["cc-by-nc-nd-4.0"] == {"attribution", "non-commercial", "no-derivatives"}


@pytest.mark.parametrize(
    ("licence", "address"),
    [
        ("CC BY-SA 2.0", "https://creativecommons.org/licenses/by-sa/2.0/"),
        ("https://example.org/terms", "https://example.org/terms"),
        ("javascript:alert(1)", ""), ("https://x.org/ <b>", ""), ("in-house", ""),
    ],
)  # fmt: skip
def test_where_another_licence_is_to_be_read(licence: str, address: str) -> None:
    assert link(licence) == address


def published(licence: str, language: str = "en", name: str = "set") -> tuple[dict, str, dict[str, bytes]]:
    rows = [record(0, step("respond", "respond"), licence=licence, language=language)]
    made = publication(name, "0.1.0", "responded/seed/2", lambda: rows)
    card = made["README.md"].decode()
    return yaml.safe_load(card.split("---\n")[1]), card, made


HOSTILE = [
    "x](http://evil.example) [y", "<img src=x onerror=alert(1)>", "a | b | c", "x`<b>`y", "# head\n\n---\nlicense: mit",
    "**bold** _it_ ~~no~~", "\\`|\\", "![a](b)", "&lt;", "{{ x }}", "line\u2028sep", "\x1b[31m", "é中文",
]  # fmt: skip


@pytest.mark.parametrize("licence", HOSTILE)
def test_a_licence_is_data_in_the_card(licence: str) -> None:
    front, card, made = published(licence)
    assert (front["license"], front["license_link"]) == ("other", "LICENSE.md")
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", front["license_name"])
    for text in (card.split("---\n", 2)[2], made["LICENSE.md"].decode()):
        shown = re.sub(r"`[^`]*`", "", re.sub(r"```.*?```", "", text, flags=re.S))
        assert "evil" not in shown and "alert" not in shown and "bold" not in shown and "head" not in shown
        rows = [line for line in text.splitlines() if line.startswith("| `path:")]
        assert rows and all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)


def test_a_known_licence_needs_no_name_and_no_file() -> None:
    front, _, made = published("MIT License")
    assert front["license"] == "mit" and "license_name" not in front and "LICENSE.md" not in made


@pytest.mark.parametrize(
    ("language", "codes"),
    [("English", None), ("EN", ["en"]), ("zh-CN", ["zh"]), ("multi", None), ("swh", ["sw"]), ('"]\nlicense: x', None)],
)
def test_the_card_has_codes_of_languages_that_the_hub_accepts(language: str, codes: list[str] | None) -> None:
    assert published("MIT", language)[0].get("language") == codes


@given(st.text())
def test_any_text_is_one_line_without_effect(text: str) -> None:
    for safe in (escaped(text), code(text)):
        assert len(safe.splitlines()) == 1 and safe
    assert re.fullmatch(r"`[^`]*`|-", code(text))
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>\[\]`*|]", escaped(text))
    cells = table(["a"], [[code(text)]]).splitlines()
    assert len(cells) == 3 and len(re.findall(r"(?<!\\)\|", cells[2])) == 2


def test_a_source_without_a_licence_is_told_where_to_name_it() -> None:
    (caution,) = cautions(["unknown"], [])
    assert "`--licence` of `seqit new`" in caution and "`ingest.corpora.NAME.licence`" in caution
