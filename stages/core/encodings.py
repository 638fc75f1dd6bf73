"""Decodes downloaded files to UTF-8: byte-order marks are honoured, other encodings are an error with a remedy."""

import codecs
import io
import re
import shlex
from typing import IO, TYPE_CHECKING

from stages.core.errors import UserError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SAMPLE = 1 << 18
"""Bytes from which an encoding is guessed."""
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
"""Byte-order marks; that of UTF-32-LE begins with that of UTF-16-LE, so it comes first."""
ENCODINGS = {
    "cp1252": "CP1252", "cp1250": "CP1250", "cp1251": "CP1251", "cp1253": "CP1253", "cp1254": "CP1254",
    "cp1255": "CP1255", "cp1256": "CP1256", "cp1257": "CP1257", "cp1258": "CP1258", "koi8_r": "KOI8-R",
    "cp874": "CP874", "cp932": "CP932", "euc_jp": "EUC-JP", "gb18030": "GB18030", "big5": "BIG5", "cp949": "CP949",
    "mac_roman": "MACINTOSH", "utf_16_le": "UTF-16LE", "utf_16_be": "UTF-16BE",
}  # fmt: skip
"""Encodings that are still in use: Python's name -> iconv's name."""
LATIN = ("cp1250", "cp1252", "cp1257", "cp1258", "mac_roman")
"""Encodings that fit short western European texts about equally well; CP1252 is the most common."""
MULTIBYTE = ("cp932", "euc_jp", "gb18030", "big5", "cp949", "utf_16_le", "utf_16_be")
"""Encodings that have characters of several bytes."""
FEW, FEWEST = 20, 8
"""Bytes beyond ASCII below which statistics of a text do not tell encodings of Latin letters apart, and none at all."""
_ALONE = re.compile(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])")
_WESTERN = re.compile(
    "[\u00a0-\u00d6\u00d8-\u00f6\u00f8-\u00ff\u0152\u0153\u2018-\u201e\u2013\u2014\u2026\u20ac\u2022]"
)
"""Letters and signs of western European texts beyond ASCII."""


class _Recoded(io.RawIOBase):
    """A text stream as UTF-8 bytes."""

    def __init__(self, text: io.TextIOBase) -> None:
        self._text, self._left = text, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        self._left = self._left or self._text.read(max(1, len(view) // 4)).encode(errors="surrogatepass")
        count = min(len(view), len(self._left))
        view[:count], self._left = self._left[:count], self._left[count:]
        return count


def utf8(stream: IO[bytes]) -> IO[bytes]:
    """The stream as UTF-8 without a byte-order mark; it is decoded where a mark, or its first bytes, say UTF-16 or -32.

    Reading it raises UnicodeDecodeError where the bytes are not what they begin as.
    """
    buffered = stream if hasattr(stream, "peek") else io.BufferedReader(stream)  # type: ignore[type-var]
    start = buffered.peek(4)[:4]
    encoding = _encoding(start)
    if encoding == "utf-8-sig":
        buffered.read(len(codecs.BOM_UTF8))
    if encoding in ("", "utf-8-sig"):
        return buffered
    return io.BufferedReader(_Recoded(io.TextIOWrapper(buffered, encoding, newline="")))


def unmarked(data: bytes) -> bytes:
    """Bytes of a whole file as UTF-8 without a byte-order mark. Raises UnicodeDecodeError as `utf8` does."""
    encoding = _encoding(data[:4])
    return data.decode(encoding).encode() if encoding else data


def _encoding(start: bytes) -> str:
    """The encoding that the first four bytes of a file say; "" for none.

    Without a mark, UTF-16 is known by two ASCII characters, as a header or JSON begins (RFC 4627, section 3).
    """
    unmarked = {"xoxo": "utf-16-le", "oxox": "utf-16-be"}
    zeros = "".join("x" if byte else "o" for byte in start)
    return next((encoding for mark, encoding in MARKS if start.startswith(mark)), unmarked.get(zeros, ""))


def decoded(data: bytes, path: str, where: str = "", sample: bytes = b"") -> str:
    """UTF-8 bytes as text.

    Raises UserError naming `where` (the path by default) and how to convert the file at `path`, whose encoding is
    guessed from `sample`, the beginning of the file, and `data`.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{where or path}: not UTF-8 (byte {error.start}); {remedy(path, sample + data)}") from None


def remedy(path: str, data: bytes) -> str:
    """What to do with a file that is not UTF-8, of which `data` is a part: the command that converts it."""
    encoding = guess(data)
    if not encoding:
        return "mend that byte, or save the file as UTF-8"
    name = path.rpartition("/")[2]
    to, dot, ending = name.rpartition(".")
    converted = f"{path[: len(path) - len(name)]}{to or ending}.utf8{dot}{ending if to else ''}"
    command = f"iconv -f {encoding} -t UTF-8 {shlex.quote(path)} > {shlex.quote(converted)}"
    return f"it looks like {encoding}: convert it with `{command}`"


def guess(data: bytes) -> str:
    """iconv's name of the encoding that the bytes are most likely in; "" where that is UTF-8 with damage, or unknown.

    Source: charset-normalizer's ranking; between encodings of western Europe, CP1252 where it fits. Of a text with very
    few bytes beyond ASCII only that is recognised, where they are letters of western Europe: advice is followed.
    """
    if _damaged(data):
        return ""
    beyond = sum(byte > 127 for byte in data)
    apart = len(_ALONE.findall(data)) > beyond / 2  # letters with accents: other scripts have them side by side
    if apart and beyond < FEW and _western(data):
        return ENCODINGS["cp1252"]
    if beyond < FEWEST and b"\0" not in data:
        return ""
    import charset_normalizer

    known = [name for name in ENCODINGS if not (apart and name in MULTIBYTE)]
    matches = charset_normalizer.from_bytes(data, cp_isolation=known, enable_fallback=False)
    ranked = [name for match in matches for name in match.could_be_from_charset if _decodes(data, name)]
    best = "cp1252" if ranked and ranked[0] in LATIN and _decodes(data, "cp1252") and "cp1252" in ranked else ""
    return ENCODINGS.get(best or next(iter(ranked), ""), "")


def _western(data: bytes) -> bool:
    """Whether all that is beyond ASCII is western European in CP1252."""
    return (
        b"\0" not in data
        and _decodes(data, "cp1252")
        and all(sign < "\x80" or _WESTERN.match(sign) for sign in data.decode("cp1252"))
    )


def _damaged(data: bytes) -> bool:
    """Whether most characters beyond ASCII are whole in UTF-8, so that it is UTF-8 with a fault."""
    whole = sum(ord(sign) > 127 for sign in data.decode(errors="ignore"))
    broken = data.decode(errors="replace").count("\ufffd")
    return whole > 2 * broken


def _decodes(data: bytes, encoding: str) -> bool:
    if encoding not in ENCODINGS:
        return False
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
