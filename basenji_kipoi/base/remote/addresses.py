"""Addresses in the place of paths."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Union

from basenji_kipoi.base.errors import InputError

__all__ = ["PathOrAddress", "check_scheme", "is_address", "shown_address", "whole_address"]

PathOrAddress = Union[str, "os.PathLike[str]"]
# Of two slashes a path keeps one, and options are paths.
_ADDRESS = re.compile(r"(https?|s3|gs):/{1,2}(?=[^/])", re.IGNORECASE)
_OTHER_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/{1,3}(?=[^/])", re.IGNORECASE)
# Who asks, before the host; and values of a query that open what is closed to others: signatures
# (X-Amz-Signature, sig), keys (AWSAccessKeyId, rlkey), tokens, credentials, policies.
_SECRETS = re.compile(
    r"(?P<scheme>\b(?:https?|s3|gs):/{1,2})[^\s/?#]*@"
    r"|(?P<name>[?&][^\s=&#]*(?:sig|token|key|cred|secret|pass|auth|policy)[^\s=&#]*=)"
    r"[^\s&#'\"]+",
    re.IGNORECASE,
)


def is_address(path: PathOrAddress) -> bool:
    """Tell whether a path is the address of a file elsewhere, by http(s), s3 or gs.

    Examples
    --------
    >>> is_address("s3://bucket/genome.fa.gz"), is_address("data/genome.fa.gz")
    (True, False)
    """
    return _ADDRESS.match(os.fspath(path)) is not None


def whole_address(path: PathOrAddress) -> str:
    """Write an address as it was given, also if a path of it was made in between.

    Examples
    --------
    >>> whole_address(pathlib.Path("https://example.org/genome.fa"))
    'https://example.org/genome.fa'
    """
    return _ADDRESS.sub(lambda scheme: f"{scheme[1].lower()}://", os.fspath(path), count=1)


def check_scheme(path: PathOrAddress) -> None:
    """Refuse addresses of kinds that are not read, which would be taken for missing files.

    Raises
    ------
    InputError
        If it is one, such as ``ftp://…``.
    """
    text = os.fspath(path)
    found = _OTHER_ADDRESS.match(text)
    if found is None or is_address(path) or Path(path).exists():
        return
    scheme, rest = found[1].lower(), text[found.end() :]
    then = "http, https, s3 and gs are"
    if scheme == "file":
        rest = f"/{rest}"
        then = f"name {rest}"
    raise InputError(
        f"{shown_address(f'{scheme}://{rest}')}: {scheme} addresses are not read: {then}"
    )


def shown_address(text: str) -> str:
    """Write an address, or a text with addresses in it, without what lets others read there.

    Examples
    --------
    >>> shown_address("https://me:secret@example.org/genome.fa?v=2&X-Amz-Signature=0a1b")
    'https://…@example.org/genome.fa?v=2&X-Amz-Signature=…'
    """
    return _SECRETS.sub(
        lambda found: f"{found['scheme']}…@" if found["scheme"] else f"{found['name']}…", text
    )
