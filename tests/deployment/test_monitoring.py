"""Prometheus's rules and Grafana's dashboard: they are valid, and ask for what the service counts."""

import re
import subprocess

import pytest
from pydantic import BaseModel, Field

from service.observability.metrics import Metrics
from tests.samples import REPOSITORY, fake_card

PROMETHEUS = REPOSITORY / "monitoring" / "prometheus"
DASHBOARD = REPOSITORY / "monitoring" / "grafana" / "dashboards" / "vae-service.json"


def counted() -> set[str]:
    """The names on a page of the service's metrics."""
    metrics = Metrics(["/encode"], ["overloaded"])
    metrics.request("/encode", 200, 0.001)
    return set(
        re.findall(r"^vae_\w+", metrics.text(fake_card()).decode(), re.MULTILINE)
    )


METRICS = counted()


class Target(BaseModel):
    """A query of a panel, in PromQL."""

    expr: str


class Defaults(BaseModel):
    """How a panel writes its values."""

    unit: str = ""


class FieldConfig(BaseModel):
    """How a panel writes its fields."""

    defaults: Defaults


class Panel(BaseModel):
    """A picture of the dashboard."""

    id: int
    title: str = ""
    field_config: FieldConfig = Field(alias="fieldConfig")
    targets: list[Target]


class Dashboard(BaseModel):
    """What Grafana shows."""

    panels: list[Panel]


@pytest.fixture(scope="module")
def panels() -> list[Panel]:
    """The dashboard's panels."""
    return Dashboard.model_validate_json(DASHBOARD.read_bytes()).panels


@pytest.mark.parametrize(
    "check",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing_wrong(promtool: str, check: tuple[str, ...]) -> None:
    """The files are valid, and each alert fires when it should and not before."""
    done = subprocess.run(
        [promtool, *check],
        cwd=PROMETHEUS,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_asked_for_is_one_of_the_service(panels: list[Panel]) -> None:
    """A query of a name that nobody counts shows an empty panel, and an alert on it never fires."""
    queries = [target.expr for panel in panels for target in panel.targets]
    asked = re.findall(
        r"\bvae_\w+", " ".join(queries) + (PROMETHEUS / "alerts.yml").read_text()
    )

    assert set(asked) - METRICS == set()


def test_each_metric_is_shown(panels: list[Panel]) -> None:
    """What is counted can be seen; of a histogram, some series of it."""
    queries = " ".join(target.expr for panel in panels for target in panel.targets)
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for name in METRICS}

    assert [name for name in names if name not in queries] == []


def test_each_panel_says_what_it_shows(panels: list[Panel]) -> None:
    """It has a title, a unit, a query, and an id of its own."""
    assert panels
    assert [
        panel
        for panel in panels
        if not (panel.title and panel.field_config.defaults.unit and panel.targets)
    ] == []
    assert len({panel.id for panel in panels}) == len(panels)
