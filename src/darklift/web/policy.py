"""Who may use the server.

A page of another site may not, through its visitor's browser: neither directly (its ``Origin`` is refused), nor under a
name of its own that it has pointed here (DNS rebinding: its ``Host`` is refused).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from darklift.errors import UsageError
from darklift.web.problems import Problem

__all__ = ["Policy"]


@dataclass(frozen=True)
class Policy:
    """Who may use the server."""

    origins: frozenset[str] = frozenset()
    """Of other pages that may, such as https://photos.example; their hosts are names of this server, too."""
    hosts: frozenset[str] = frozenset({"localhost"})
    """Names under which it may be called; any address without a name may."""
    token: str | None = field(default=None, repr=False)
    """Needed for all but the page, the health checks and the description of the API."""

    @classmethod
    def of(cls, origins: Iterable[str], host: str, token: str | None) -> Policy:
        """origins: that are allowed. host: what the server listens on. Raises UsageError for what is no origin."""
        for origin in origins:
            if _place(origin) is None or origin != origin.lower():
                raise UsageError(
                    f"--allow-origin {origin} is no origin: give scheme and host, as https://photos.example"
                )
        return cls(frozenset(origins), frozenset({"localhost", host.lower()}), token)

    def check_host(self, host: str) -> None:
        """Raises Problem."""
        place = _place(f"http://{host}")
        known = {*self.hosts, *(urlsplit(origin).hostname for origin in self.origins)}
        if place is None or (place[0] not in known and not _is_address(place[0])):
            raise Problem(
                "origin-refused", "this host is not known here: call the server by its address, or allow the origin"
            )

    def check_origin(self, origin: str | None, host: str, site: str | None) -> None:
        """origin, site: of the headers Origin and Sec-Fetch-Site. Raises Problem."""
        if origin is None:
            if site == "cross-site":
                raise Problem("origin-refused", "a page of another site asks: allow its origin")
            return
        asks = _place(origin)
        if origin not in self.origins and (asks is None or asks != _place(f"{origin.partition(':')[0]}://{host}")):
            raise Problem("origin-refused", "a page of another origin asks: allow it with --allow-origin")

    def check_token(self, authorization: str | None) -> None:
        """Raises Problem."""
        if self.token is None:
            return
        scheme, _, given = (authorization or "").partition(" ")
        same = hmac.compare_digest(given.strip().encode(), self.token.encode())
        if scheme.lower() != "bearer" or not same:
            raise Problem(
                "no-token", "send the header  Authorization: Bearer TOKEN", headers={"WWW-Authenticate": "Bearer"}
            )


_PORTS = {"http": 80, "https": 443}


def _place(origin: str) -> tuple[str, int] | None:
    """Host and port; None for what is no origin of a web page."""
    try:
        parts = urlsplit(origin)
        if parts.scheme not in _PORTS or not parts.hostname or parts.path or "@" in parts.netloc:
            return None
        return parts.hostname, parts.port or _PORTS[parts.scheme]
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
