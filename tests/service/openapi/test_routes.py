"""The documentation page."""

from tests.service.conftest import Client


def test_the_page_loads_nothing_from_other_servers(client: Client) -> None:
    """Scripts and styles come from the service."""
    page = client.get("/docs").text
    markup = page.replace("/* ", "").split("<script>")[0]

    assert "//" not in markup.replace("</", "")
    assert client.get("/docs-assets/swagger-ui-bundle.js").status_code == 200
