"""The documentation page, and the documents."""

import pytest

from service.openapi import routes
from tests.service.conftest import Client, Json


def test_the_page_loads_nothing_from_other_servers(client: Client) -> None:
    """Scripts and styles come from the service."""
    page = client.get("/docs").text
    markup = page.replace("/* ", "").split("<script>")[0]

    assert "//" not in markup.replace("</", "")
    assert client.get("/docs-assets/swagger-ui-bundle.js").status_code == 200


def test_the_documents_are_made_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request for one is cheap, as anybody may send many."""
    made = []

    def for_generators(document: Json) -> Json:
        made.append(document)
        return document

    monkeypatch.setattr(routes, "for_generators", for_generators)
    first, second = (client.get("/openapi.json") for _ in range(2))

    assert first.headers["content-type"] == "application/json"
    assert first.json() == second.json()
    assert len(made) == 1
