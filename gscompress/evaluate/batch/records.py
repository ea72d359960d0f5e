"""Dataclasses as JSON files, and back, with every value of the type that its field has."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from ...errors import Corrupt

SCHEMA = 1


def as_json(record: dict[str, Any]) -> bytes:
    """A file's bytes; no NaN, which is no JSON."""
    return (json.dumps({"schema": SCHEMA} | record, indent=1, allow_nan=False) + "\n").encode()


def read_json(path: Path) -> dict[str, Any]:
    """What `as_json` was given.

    Raises:
        Corrupt: it is not such a file.
    """
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise Corrupt(str(path), "file", "JSON of 'gscompress eval'", f"something else ({error})") from error
    if not isinstance(record, dict) or record.pop("schema", None) != SCHEMA:
        raise Corrupt(str(path), "schema", str(SCHEMA), "another or none")
    return record


def built(kind: type, record: Any, path: Path) -> Any:
    """A dataclass of a record.

    Raises:
        Corrupt: fields are missing, unknown, or of other types.
    """
    known = {f.name for f in fields(kind)}
    if not isinstance(record, dict) or set(record) - known:
        raise Corrupt(str(path), kind.__name__, f"an object of {', '.join(sorted(known))}", "something else")
    for name, hint in _hints(kind).items():
        if name in record and not _fits(record[name], hint):
            raise Corrupt(str(path), f"{kind.__name__}.{name}", getattr(hint, "__name__", str(hint)), repr(record[name])[:80])
    try:
        return kind(**record)
    except TypeError as error:
        raise Corrupt(str(path), kind.__name__, "all of its fields", str(error)) from error


@lru_cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _fits(value: object, hint: Any) -> bool:
    """Whether JSON gave what the annotation asks for; whole numbers are floats too."""
    if hint is Any:
        return True
    if isinstance(hint, UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    kind = get_origin(hint) or hint
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        return False
    inner = [arg for arg in get_args(hint) if arg is not Ellipsis]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return not inner or all(_fits(part, inner[-1]) for part in parts)
