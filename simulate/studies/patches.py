"""What one tree of tables has otherwise than another: JSON merge patches (RFC 7396)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def difference(base: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Patch that makes ``changed`` of ``base``.

    Tables are compared key by key; any other value that differs, arrays too, stands in the patch in
    whole, and None stands for a key that ``changed`` does not have. Neither tree may hold None as
    the value of a key.
    """
    patch: dict[str, Any] = {name: None for name in base if name not in changed}
    for name, value in changed.items():
        known = base.get(name)
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            if inner := difference(known, value):
                patch[name] = inner
        elif not _is_same(known, value):
            patch[name] = value
    return patch


def patched(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Tree that a patch makes of ``base``, as RFC 7396 has it; neither is changed."""
    result = dict(base)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            known = result.get(name)
            result[name] = patched(known if isinstance(known, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values are written alike: 1 is not 1.0, and neither is true."""
    return repr(one) == repr(other)
