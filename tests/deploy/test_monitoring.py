"""Alerts and the dashboard: Prometheus can read their expressions, their metrics exist, the page says what to do."""

import json
import re
from typing import Any, Final

import promql_parser
import pytest
import yaml

from shared.metrics import LIST
from tests.deploy.compose import DEPLOY, services

_MONITORING: Final = DEPLOY / "monitoring"
_OTHERS: Final = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}  # Prometheus' and its client's
_SERIES: Final = {series for listed in LIST.values() for series in listed.series} | _OTHERS


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((_MONITORING / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((_MONITORING / "grafana" / "dashboards" / "clonepipe.json").read_text())[
        "panels"
    ]
    return found


EXPRESSIONS: Final = [rule["expr"] for rule in alerts()] + [
    target["expr"] for panel in panels() for target in panel["targets"]
]


def selectors(expression: str) -> list[Any]:
    """Return every selector of series in an expression. Raises: ValueError: Prometheus could not read it."""
    found: list[Any] = []

    def visit(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_asks_for_series_and_labels_that_there_are(expression: str) -> None:
    asked = selectors(expression)
    assert asked
    for selector in asked:
        assert selector.name in _SERIES
        listed = next((one for one in LIST.values() if selector.name in one.series), None)
        own = {matcher.name for matcher in selector.matchers.matchers} - {"job", "instance", "service"}
        assert own <= set(listed.labels if listed else ())


def test_an_expression_of_a_metric_that_is_not_there_would_be_found() -> None:
    (selector,) = selectors("rate(clonepipe_nothing_total[5m])")
    assert selector.name not in _SERIES
    with pytest.raises(ValueError, match=r"unclosed"):
        selectors("sum by (queue clonepipe_jobs")


def test_what_waits_longest_is_watched_for_every_kind_of_work() -> None:
    watched = {selector.name for rule in alerts() for selector in selectors(rule["expr"])}
    assert {"clonepipe_oldest_runnable_job_age_seconds", "clonepipe_oldest_due_delivery_age_seconds"} <= watched


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_the_matter_and_the_page_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in ("warning", "critical")
    page = (DEPLOY / "README.md").read_text()
    entry = re.search(rf"^- \*\*{rule['alert']}\*\*: .+?(?=^- |^#|^$)", page, re.MULTILINE | re.DOTALL)
    assert entry is not None, "deploy/README.md does not say what to do"
    assert len(entry[0]) > 100


def test_the_page_explains_no_alert_that_there_is_not() -> None:
    told = set(re.findall(r"^- \*\*(Clonepipe\w+)\*\*", (DEPLOY / "README.md").read_text(), re.MULTILINE))
    assert told == {rule["alert"] for rule in alerts()}


def test_prometheus_and_grafana_find_their_files_where_compose_puts_them() -> None:
    mounted = {
        volume.split(":")[1]: DEPLOY / volume.split(":")[0] for volume in services()["prometheus"].written["volumes"]
    }
    (rules,) = yaml.safe_load((_MONITORING / "prometheus.yml").read_text())["rule_files"]
    assert mounted[rules].is_file()
    provisioned = next(
        v for v in services()["grafana"].written["volumes"] if v.endswith("/etc/grafana/provisioning:ro")
    )
    folder = DEPLOY / provisioned.split(":")[0]
    provider = yaml.safe_load((folder / "dashboards" / "provider.yaml").read_text())["providers"][0]
    assert provider["options"]["path"] == "/etc/grafana/provisioning/dashboards"
    assert list((folder / "datasources").glob("*.yaml"))
