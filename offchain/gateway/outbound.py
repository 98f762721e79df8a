"""Requests to addresses that a client chose, kept from reaching what only we can reach (SSRF).

https to public addresses, http and https to this machine, and https to private hosts that the operator named. The
name is resolved once, every address that it has is judged, and the one connected to is one of those: a name that
points elsewhere a moment later gains nothing. No redirect is followed, no proxy asked, no answer read.
"""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

TIMEOUT_SECONDS = 10.0
TUNNELS = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
"""IPv6 networks that lead into IPv4 ones: NAT64, 6to4, Teredo."""


class Forbidden(ValueError):
    """An address must not be asked; the message says why and what to do."""


class Unreachable(Exception):
    """Nothing answers there; the message says how it failed, in general words."""


@dataclass(frozen=True)
class Target:
    """A URL that may be asked, in parts."""

    scheme: str
    host: str
    port: int
    path: str


def target(url: str) -> Target:
    """The parts of `url`; Forbidden if it is not of a form that we ask."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Forbidden(f"that is no URL: {error}") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise Forbidden("a webhook's URL begins with https:// and a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Forbidden("a webhook's URL has no user, password or fragment: verify its signature instead")
    if not url.isascii() or any(letter.isspace() or not letter.isprintable() for letter in url):
        raise Forbidden("a webhook's URL has no spaces, control characters or letters beyond ASCII: encode them")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), path)


def addresses(target: Target, private_hosts: frozenset[str] = frozenset()) -> list[str]:
    """The addresses of a target's host; Forbidden unless every one of them may be asked, Unreachable if there is none."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable("its host has no address") from None
    texts = list(dict.fromkeys(entry[4][0] for entry in found))
    for text in texts:
        address = _address(text)
        if address.is_loopback:
            continue
        if target.scheme != "https":
            raise Forbidden("http is for this machine alone: use https")
        if not _public(address) and target.host.lower() not in private_hosts:
            raise Forbidden(f"{target.host} is at a private address: an operator may allow the host by its name")
    return texts


def post(target: Target, headers: Mapping[str, str], body: bytes, private_hosts: frozenset[str] = frozenset()) -> int:
    """Post `body`; the status of the answer. Forbidden, or Unreachable."""
    address = addresses(target, private_hosts)[0]
    literal = f"[{address}]" if ":" in address else address
    host = f"[{target.host}]" if ":" in target.host else target.host
    url = f"{target.scheme}://{literal}:{target.port}{target.path}"
    headers = {**headers, "Host": f"{host}:{target.port}"}
    try:
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False) as client:
            extensions = {"sni_hostname": target.host}
            with client.stream("POST", url, headers=headers, content=body, extensions=extensions) as answer:
                return answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unreachable(type(error).__name__) from None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if address.version == 6 and (address.is_site_local or any(address in network for network in TUNNELS)):
        return False
    return address.is_global and not address.is_multicast
