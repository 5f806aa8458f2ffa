"""Output formats that a client may ask for, with the content type that ClickHouse gives each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_JSON, _BYTES, _PLAIN = "application/json; charset=UTF-8", "application/octet-stream", "text/plain; charset=UTF-8"
_TSV, _LINES = "text/tab-separated-values; charset=UTF-8", "application/x-ndjson; charset=UTF-8"
_CSV = "text/csv; charset=UTF-8; header={}"

# Those that write a result and nothing else: no format that reads a schema file or opens a socket is among them.
FORMATS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("JSON", "JSONStrings", "JSONColumns", "JSONColumnsWithMetadata", "JSONCompact",
                     "JSONCompactStrings", "JSONCompactColumns", "JSONObjectEachRow"), _JSON),
    **dict.fromkeys(("JSONEachRow", "JSONLines", "NDJSON", "JSONStringsEachRow", "JSONCompactEachRow",
                     "JSONCompactEachRowWithNames", "JSONCompactEachRowWithNamesAndTypes",
                     "JSONCompactStringsEachRow", "JSONCompactStringsEachRowWithNames",
                     "JSONCompactStringsEachRowWithNamesAndTypes", "JSONEachRowWithProgress",
                     "JSONStringsEachRowWithProgress", "PrettyJSONEachRow"), _LINES),
    **dict.fromkeys(("TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "TabSeparatedWithNames", "TSVWithNames",
                     "TabSeparatedRawWithNames", "TSVRawWithNames", "TabSeparatedWithNamesAndTypes",
                     "TSVWithNamesAndTypes", "TabSeparatedRawWithNamesAndTypes", "TSVRawWithNamesAndTypes",
                     "TSKV"), _TSV),
    "CSV": _CSV.format("absent"),
    **dict.fromkeys(("CSVWithNames", "CSVWithNamesAndTypes"), _CSV.format("present")),
    **dict.fromkeys(("RowBinary", "RowBinaryWithNames", "RowBinaryWithNamesAndTypes", "Native", "Parquet", "Arrow",
                     "ArrowStream", "ORC", "Avro", "MsgPack", "BSONEachRow", "RawBLOB"), _BYTES),
    **dict.fromkeys(("Pretty", "PrettyNoEscapes", "PrettyMonoBlock", "PrettyCompact", "PrettyCompactNoEscapes",
                     "PrettyCompactMonoBlock", "PrettySpace", "PrettySpaceNoEscapes", "PrettySpaceMonoBlock",
                     "Vertical", "Values", "Markdown", "SQLInsert", "CustomSeparated", "CustomSeparatedWithNames",
                     "CustomSeparatedWithNamesAndTypes", "LineAsString", "Null"), _PLAIN),
    "XML": "application/xml; charset=UTF-8",
}  # fmt: skip
DEFAULT_FORMAT: Final = "TabSeparated"
_BY_LOWER: Final = {name.casefold(): name for name in FORMATS}


def known_format(name: str) -> str | None:
    """Return the format as the engine spells it; letter case makes no difference, as in ClickHouse."""
    return _BY_LOWER.get(name.casefold())
