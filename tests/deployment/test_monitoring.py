"""Prometheus's rules and Grafana's dashboard: valid, and about existing metrics."""

import re
import subprocess

import pytest
from pydantic import BaseModel, Field

from service.observability.exposition import ServedInfo, metrics_text
from service.observability.metrics import Metrics
from service.observability.request_context import RequestContext
from tests.samples import REPOSITORY

PROMETHEUS = REPOSITORY / "monitoring" / "prometheus"
DASHBOARD = REPOSITORY / "monitoring" / "grafana" / "dashboards" / "vae-service.json"


def exported_names() -> set[str]:
    """Return the names in the service's metrics."""
    metrics = Metrics(["/encode"], ["overloaded"])
    context = RequestContext("id", route="/encode", status=200)
    metrics.count_request(context, 0.001)
    parts = ServedInfo("parts", {"name": "parts"}, calibration_images=99)
    text = metrics_text(metrics, [parts]).decode()
    return set(re.findall(r"^vae_\w+", text, re.MULTILINE))


METRICS = exported_names()


class Target(BaseModel):
    """A query of a panel, in PromQL."""

    expr: str


class Defaults(BaseModel):
    """Format of a panel's values."""

    unit: str = ""


class FieldConfig(BaseModel):
    """Format of a panel's fields."""

    defaults: Defaults


class Panel(BaseModel):
    """A chart or table of the dashboard."""

    id: int
    title: str = ""
    field_config: FieldConfig = Field(alias="fieldConfig")
    targets: list[Target]


class Dashboard(BaseModel):
    """Grafana's dashboard."""

    panels: list[Panel]


@pytest.fixture(scope="module")
def panels() -> list[Panel]:
    """The dashboard's panels."""
    return Dashboard.model_validate_json(DASHBOARD.read_bytes()).panels


def queries(panels: list[Panel]) -> str:
    """Return all queries of the dashboard."""
    return "\n".join(target.expr for panel in panels for target in panel.targets)


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


def test_every_queried_metric_exists(panels: list[Panel]) -> None:
    """Otherwise a panel would stay empty, and an alert would never fire."""
    alerts = (PROMETHEUS / "alerts.yml").read_text()
    queried = re.findall(r"\bvae_\w+", queries(panels) + alerts)

    assert set(queried) - METRICS == set()


def test_each_metric_is_shown(panels: list[Panel]) -> None:
    """Of a histogram, at least one series."""
    for name in METRICS:
        assert re.sub(r"_(bucket|sum|count)$", "", name) in queries(panels)


def test_each_panel_has_a_title_a_unit_and_a_query(panels: list[Panel]) -> None:
    """And an id that no other panel has."""
    assert panels
    for panel in panels:
        assert panel.title
        assert panel.field_config.defaults.unit
        assert panel.targets
    assert len({panel.id for panel in panels}) == len(panels)
