"""Who may reach whom in a cluster: nobody, but for what is said; and no webhook reaches an address of the inside."""

from ipaddress import ip_address, ip_network

import pytest

from shared.webhooks.addresses import _METADATA, _NEVER, _PRIVATE, refusal_of
from tests.deploy.manifests import OVERLAYS, WORKLOADS, labels_of, of_kind, selects

SERVERS = {5432, 6379, 8333}
INSIDE = sorted(
    {str(address) for address in _METADATA}
    | {str(end) for network, _kind in (*_PRIVATE, *_NEVER) for end in (network[0], network[-1])}
    | {"::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe"}
)
OUTSIDE = ["1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::1"]


def policies(overlay: str, pod: str, direction: str) -> list[dict]:
    labels = labels_of(of_kind(overlay, *WORKLOADS)[pod])
    return [
        policy["spec"]
        for policy in of_kind(overlay, "NetworkPolicy").values()
        if direction in policy["spec"]["policyTypes"] and selects(policy["spec"]["podSelector"], labels)
    ]


def ports_to(overlay: str, pod: str, address: str) -> set[int]:
    """Return the ports at an address outside of the cluster's own namespaces that a pod's rules let it dial."""
    found: set[int] = set()
    dialled = ip_address(address)
    for rule in (rule for spec in policies(overlay, pod, "Egress") for rule in spec.get("egress", [])):
        for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
            networks = [ip_network(one) for one in block.get("except", [])]
            if dialled in ip_network(block["cidr"]) and not any(dialled in network for network in networks):
                found |= {port["port"] for port in rule["ports"]}
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_goes_that_is_not_said(overlay: str) -> None:
    nobody = of_kind(overlay, "NetworkPolicy")["nobody"]["spec"]
    assert nobody == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in of_kind(overlay, "NetworkPolicy").values():
        for rule in (*policy["spec"].get("egress", []), *policy["spec"].get("ingress", [])):
            assert rule.get("to") or rule.get("from"), "a rule without a peer means everybody"
            assert rule["ports"], "a rule without a port means every port"


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("address", INSIDE)
def test_no_webhook_reaches_the_inside(overlay: str, address: str) -> None:
    assert refusal_of(address) is not None, "the worker itself refuses it"
    assert not ports_to(overlay, "worker-callback", address) - (SERVERS if overlay == "large" else set())
    assert not ports_to(overlay, "worker-callback", address) & {443, 8443}


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("address", OUTSIDE)
def test_webhooks_and_vendors_are_reached(overlay: str, address: str) -> None:
    assert ports_to(overlay, "worker-callback", address) == {443, 8443}
    assert ports_to(overlay, "worker-vendor", address) == {443}
    assert ports_to(overlay, "api", address) == {443}
    assert ports_to(overlay, "migrate", address) == set()


def test_who_decodes_reaches_only_the_storage() -> None:
    for address in (*INSIDE, *OUTSIDE):
        assert ports_to("small", "worker-audio", address) == set()
    assert ports_to("large", "worker-audio", OUTSIDE[0]) == {443}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_inside_the_cluster_only_names_and_servers_are_reached(overlay: str) -> None:
    for pod in of_kind(overlay, *WORKLOADS):
        for rule in (rule for spec in policies(overlay, pod, "Egress") for rule in spec.get("egress", [])):
            namespaces = [peer["namespaceSelector"]["matchLabels"] for peer in rule["to"] if "ipBlock" not in peer]
            ports = {port["port"] for port in rule["ports"]}
            for namespace in namespaces:
                allowed = SERVERS if namespace == {"clonepipe/services": "true"} else {53}
                assert ports <= allowed


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_the_api_can_be_called_and_figures_are_told_to_prometheus_alone(overlay: str) -> None:
    prometheus = [{"namespaceSelector": {"matchLabels": {"clonepipe/monitoring": "true"}}}]
    for pod in of_kind(overlay, *WORKLOADS):
        rules = [rule for spec in policies(overlay, pod, "Ingress") for rule in spec.get("ingress", [])]
        ports = {port["port"]: rule["from"] for rule in rules for port in rule["ports"]}
        assert ports.pop("metrics", prometheus) == prometheus
        assert set(ports) == ({"http"} if pod == "api" else set())
