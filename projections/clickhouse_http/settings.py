"""Settings that clients send with a query: which count, which are harmless and ignored, which are refused.

A setting that would change what a query may do is refused by name, never dropped in silence. One that only says how
the client inserts, logs or keeps its connection changes no answer and is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from projections.store.client import READER_LIMITS
from projections.store.errors import QueryRefused

# How an answer is written and how a statement is understood; each counts for its query alone.
HONOURED: Final = frozenset(
    {
        "aggregate_functions_null_for_empty", "bool_false_representation", "bool_true_representation",
        "cast_keep_nullable", "date_time_output_format", "extremes", "format_csv_delimiter", "group_by_use_nulls",
        "join_use_nulls", "limit", "max_block_size", "max_threads", "offset",
        "output_format_arrow_compression_method", "output_format_arrow_fixed_string_as_fixed_byte_array",
        "output_format_arrow_low_cardinality_as_dictionary", "output_format_arrow_string_as_string",
        "output_format_arrow_unsupported_types_as_binary", "output_format_arrow_use_signed_indexes_for_dictionary",
        "output_format_binary_encode_types_in_binary_format", "output_format_binary_write_json_as_string",
        "output_format_csv_crlf_end_of_line", "output_format_decimal_trailing_zeros",
        "output_format_json_array_of_rows", "output_format_json_escape_forward_slashes",
        "output_format_json_named_tuples_as_objects", "output_format_json_quote_64bit_floats",
        "output_format_json_quote_64bit_integers", "output_format_json_quote_decimals",
        "output_format_json_quote_denormals", "output_format_json_skip_null_value_in_named_tuples",
        "output_format_native_encode_types_in_binary_format", "output_format_native_write_json_as_string",
        "output_format_parquet_compression_method", "output_format_parquet_fixed_string_as_fixed_byte_array",
        "output_format_parquet_string_as_string", "output_format_pretty_color",
        "output_format_pretty_max_column_pad_width", "output_format_pretty_max_rows",
        "output_format_pretty_max_value_width", "output_format_pretty_row_numbers",
        "output_format_tsv_crlf_end_of_line", "output_format_write_statistics", "prefer_column_name_to_alias",
        "result_overflow_mode", "session_timezone", "transform_null_in", "union_default_mode",
        "use_legacy_to_time",
    }
)  # fmt: skip
# A client may ask for less than a reader may use (projections/store/client.py), not for more.
_CAPPED: Final[Mapping[str, int | None]] = {
    **READER_LIMITS, "max_result_bytes": None, "max_rows_to_read": None, "max_bytes_to_read": None,
}  # fmt: skip
# What the server around the engine would use itself.
_IGNORED: Final = frozenset(
    {
        "async_insert", "buffer_size", "cancel_http_readonly_queries_on_client_close",
        "cast_string_to_dynamic_use_inference", "client_protocol_version", "compress", "connect_timeout",
        "database", "date_time_input_format", "decompress", "default_format", "enable_http_compression",
        "flatten_nested", "insert_quorum", "interactive_delay", "load_balancing", "log_comment", "log_queries",
        "max_insert_block_size", "network_compression_method", "network_zstd_compression_level", "output_format",
        "param", "password", "priority", "query", "query_id", "quota_key", "receive_timeout", "replace_running_query",
        "select_sequential_consistency", "send_logs_level", "send_progress_in_http_headers", "send_timeout",
        "session_check", "session_id", "session_timeout", "stacktrace", "use_client_time_zone", "use_query_cache",
        "use_uncompressed_cache", "user", "wait_end_of_query", "wait_for_async_insert",
    }
)  # fmt: skip
_IGNORED_BEGINNINGS: Final = ("http_", "input_format_", "insert_", "async_insert_", "allow_experimental_", "add_http_")
_NUMBER: Final = re.compile(r"\d{1,19}(\.\d+)?")
_PLAIN_VALUE: Final = re.compile(r"[A-Za-z0-9_/+.-]{0,64}")
_DELIMITER: Final = re.compile(r"[^\\'\n]")


def settings_for(sent: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that the query shall run with.

    Raises: QueryRefused naming the first setting that this interface does not take.
    """
    taken: dict[str, str] = {}
    for name, value in sent.items():
        if name in _IGNORED or name.startswith(_IGNORED_BEGINNINGS):
            continue
        if name == "readonly":
            if value not in ("1", "2"):
                raise _refused("readonly = 0", "this interface only reads; leave it out")
        elif name in _CAPPED:
            taken |= _capped(name, value)
        elif name in HONOURED:
            fits = _DELIMITER if name == "format_csv_delimiter" else _PLAIN_VALUE
            if not fits.fullmatch(value):
                raise QueryRefused(f"value {value[:60]!r} of setting {name} can't be taken", code="BAD_ARGUMENTS")
            taken[name] = value
        else:
            raise _refused(f"setting {name[:100]!r}", "`SELECT name FROM system.settings` lists what may be set")
    return taken


def _capped(name: str, value: str) -> dict[str, str]:
    if not _NUMBER.fullmatch(value):
        raise QueryRefused(f"value {value[:60]!r} of setting {name} is no number", code="BAD_ARGUMENTS")
    most = _CAPPED[name]
    # 0 is "no limit" to ClickHouse, so it asks for the most that there is.
    wanted = float(value)
    return {} if wanted == 0 or (most is not None and wanted >= most) else {name: value}


def listed_settings() -> tuple[str, ...]:
    """Return settings that `system.settings` shows: those that may be set, and whether the session only reads."""
    return (*sorted({*HONOURED, *_CAPPED}), "readonly")


def _refused(what: str, remedy: str) -> QueryRefused:
    return QueryRefused(f"{what} is not allowed: {remedy}", code="READONLY")
