"""A hub's user in a browser, as far as logging in and visiting somebody's server go."""

from __future__ import annotations

import base64
import html
import re
import urllib.request
from http.cookiejar import CookieJar
from urllib.parse import urlencode, urljoin


class Visitor:
    """Follows redirects and keeps cookies, as a browser does, and fills in the hub's forms."""

    def __init__(self, url: str, user: str) -> None:
        """``url`` is the hub's proxy's, without a slash at its end."""
        self._url = url
        self._user = user
        self._cookies = CookieJar()
        kept = urllib.request.HTTPCookieProcessor(self._cookies)
        self._opener = urllib.request.build_opener(kept)

    def visit(self, owner: str) -> str:
        """Log in, open ``owner``'s server, let it know who one is; the page that comes of it."""
        page, _ = self._open(f"{self._url}/hub/login")
        login = {"username": self._user, "password": "any", "_xsrf": _field(page, "_xsrf")[0]}
        onward = urlencode({"next": f"/user/{owner}/lab"})
        page, where = self._open(f"{self._url}/hub/login?{onward}", login)
        # The hub asks whether the other's server may have this: the browser's user agrees.
        assert "/hub/api/oauth2/authorize" in where, page[:2000]
        agreed = [(name, one) for name in ("_xsrf", "scopes") for one in _field(page, name)]
        page, where = self._open(where, agreed)
        assert f"/user/{owner}/lab" in where, page[:2000]
        return page

    def shown_to(self, owner: str) -> str:
        """The token that the browser shows ``owner``'s server from now on.

        It is in that server's cookie, signed and not encrypted: its owner can read it there.
        """
        (cookie,) = [one for one in self._cookies if one.name == f"jupyterhub-user-{owner}"]
        parts = str(cookie.value).strip('"').split("|")
        return base64.b64decode(parts[4].partition(":")[2]).decode()

    def _open(self, url: str, form: object = None) -> tuple[str, str]:
        data = None if form is None else urlencode(form).encode()  # type: ignore[arg-type]
        request = urllib.request.Request(urljoin(self._url, url), data=data)  # noqa: S310 - our own hub
        with self._opener.open(request, timeout=300) as answer:
            return answer.read().decode("utf-8", "replace"), answer.url


def _field(page: str, name: str) -> list[str]:
    found = re.findall(rf'name="{name}"\s+value="([^"]*)"', page)
    return [html.unescape(one) for one in found]
