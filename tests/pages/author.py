"""A script author over HTTP, without a browser: cookies, and forms as the editor sends them."""

from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

from tests.pages.site import PASSWORD, Site


class Author:
    """Logged in."""

    def __init__(self, site: Site) -> None:
        self._cookies = CookieJar()
        self._url = site.url
        self._opener = build_opener(HTTPCookieProcessor(self._cookies))
        self._opener.open(f"{site.url}/login/", timeout=60).close()
        self.post("/login/", {"username": "script-author", "password": PASSWORD})

    def post(self, address: str, fields: dict[str, str], file: bytes | None = None) -> str:
        (token,) = (cookie.value or "" for cookie in self._cookies if cookie.name == "csrftoken")
        headers = {"X-CSRFToken": token, "Referer": self._url, "HX-Request": "true"}
        body = urlencode(fields).encode()
        if file is not None:
            edge = "edge-of-the-part"
            head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="ct.dcm"\r\n\r\n'
            body = head.encode() + file + f"\r\n--{edge}--\r\n".encode()
            headers["Content-Type"] = f"multipart/form-data; boundary={edge}"
        with self._opener.open(Request(self._url + address, body, headers), timeout=60) as answer:
            return answer.read().decode()
