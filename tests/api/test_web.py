"""The page at /: served to anybody, complete in itself, and deaf to what a label may smuggle in."""

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from dispatcher.api.page import _FILES
from tests.api.conftest import client_of
from tests.cores import make_core


@pytest.fixture
def page(sqlite_url: str) -> Iterator[TestClient]:
    core = make_core(sqlite_url)
    yield client_of(core)
    core.store.close()


def file(page: TestClient, name: str) -> str:
    answer = page.get(f"/web/{name}")
    assert answer.status_code == 200
    return answer.text


def test_the_page_is_there_without_a_key_and_may_run_nothing_foreign(sqlite_url: str) -> None:
    key = {"name": "ops", "token": "t" * 20, "scopes": ["operate"]}
    core = make_core(sqlite_url, api={"key": [key]})
    stranger = client_of(core, host="192.0.2.7")

    answer = stranger.get("/")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "t" * 20 not in answer.text
    assert stranger.get("/v1/trunks").status_code == 401
    core.store.close()


def test_every_file_of_the_page_is_served_as_what_it_is(page: TestClient) -> None:
    for name, kind in _FILES.items():
        answer = page.get(f"/web/{name}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert answer.headers["x-content-type-options"] == "nosniff"
        again = page.get(f"/web/{name}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["none.js", "../app.py", "%2e%2e/app.py", "..%2fapp.py", "index.html/x"])
def test_nothing_else_is_served(page: TestClient, name: str) -> None:
    assert page.get(f"/web/{name}").status_code == 404


def test_the_page_depends_on_nothing_but_its_own_files(page: TestClient) -> None:
    """No other host, no inline script or style: so the policy above breaks nothing."""
    for name in _FILES:
        text = file(page, name).replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, name
        for link in re.findall(r'(?:src|href)="([^"]+)"|from "([^"]+)"', text):
            path = "".join(link)
            assert page.get(path).status_code in (200, 404 if path == "/docs" else 200), (name, path)
    html = file(page, "index.html")
    assert not re.search(r"<style|style=|\son[a-z]+=|<script(?![^>]*src=)", html)


@pytest.mark.parametrize("name", [name for name in _FILES if name.endswith(".js")])
def test_no_text_is_ever_read_as_html(page: TestClient, name: str) -> None:
    script = file(page, name)

    for sink in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "srcdoc",
    ):
        assert sink not in script


def test_the_page_is_written_for_everybody(page: TestClient) -> None:
    html, css = file(page, "index.html"), file(page, "watch.css")

    assert '<html lang="en">' in html
    assert 'name="viewport"' in html
    assert "<main>" in html
    assert 'aria-live="polite"' in html
    assert len(re.findall(r"<section aria-labelledby=", html)) == 4
    assert '<label for="key">' in html
    for needed in ("prefers-reduced-motion", ":focus-visible", "light-dark(", "@media (max-width"):
        assert needed in css
