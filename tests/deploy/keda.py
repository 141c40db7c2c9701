"""The fields of KEDA's objects that are used here, as keda.sh documents them (2.19 and 2.20, read 2026-11-26).

KEDA's objects are no part of Kubernetes' schemas. The schemas here know only what we use, so that a misspelt field is
found. A scaler's metadata is free text to the cluster: it is KEDA that reads it, when it is too late.
"""

from typing import Any, Final

Schema = dict[str, Any]


def _closed(properties: Schema, *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


_WORD: Final[Schema] = {"type": "string", "minLength": 1}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_NUMBER_IN_WORDS: Final[Schema] = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}
_META: Final = _closed({"name": _WORD, "namespace": _WORD, "labels": {"type": "object"}}, "name")

# keda.sh/docs/latest/scalers/postgresql, with the connection from a TriggerAuthentication
_POSTGRESQL: Final = _closed(
    {
        "type": {"const": "postgresql"},
        "metadata": _closed({"query": _WORD, "targetQueryValue": _NUMBER_IN_WORDS}, "query", "targetQueryValue"),
        "authenticationRef": _closed({"name": _WORD}, "name"),
    },
    "type", "metadata", "authenticationRef",
)  # fmt: skip

# keda.sh/docs/latest/scalers/cpu: the metric's type stands beside the metadata since 2.18
_CPU: Final = _closed(
    {
        "type": {"const": "cpu"},
        "metricType": {"enum": ["Utilization", "AverageValue"]},
        "metadata": _closed({"value": _NUMBER_IN_WORDS}, "value"),
    },
    "type", "metricType", "metadata",
)  # fmt: skip

# keda.sh/docs/latest/reference/scaledobject-spec
SCALED_OBJECT: Final = _closed(
    {
        "apiVersion": {"const": "keda.sh/v1alpha1"},
        "kind": {"const": "ScaledObject"},
        "metadata": _META,
        "spec": _closed(
            {
                "scaleTargetRef": _closed({"name": _WORD}, "name"),
                "pollingInterval": _COUNT,
                "minReplicaCount": _COUNT,
                "maxReplicaCount": _COUNT,
                "fallback": _closed(
                    {
                        "failureThreshold": _COUNT,
                        "replicas": _COUNT,
                        "behavior": {"enum": ["static", "currentReplicas", "currentReplicasIfHigher"]},
                    },
                    "failureThreshold", "replicas",
                ),
                "advanced": _closed(
                    {"horizontalPodAutoscalerConfig": _closed({"behavior": {"type": "object"}}, "behavior")}
                ),
                "triggers": {"type": "array", "minItems": 1, "items": {"oneOf": [_POSTGRESQL, _CPU]}},
            },
            "scaleTargetRef", "triggers",
        ),
    },
    "apiVersion", "kind", "metadata", "spec",
)  # fmt: skip

# keda.sh/docs/latest/concepts/authentication
TRIGGER_AUTHENTICATION: Final = _closed(
    {
        "apiVersion": {"const": "keda.sh/v1alpha1"},
        "kind": {"const": "TriggerAuthentication"},
        "metadata": _META,
        "spec": _closed(
            {
                "secretTargetRef": {
                    "type": "array",
                    "minItems": 1,
                    "items": _closed(
                        {"parameter": {"const": "connection"}, "name": _WORD, "key": _WORD}, "parameter", "name", "key"
                    ),
                }
            },
            "secretTargetRef",
        ),
    },
    "apiVersion", "kind", "metadata", "spec",
)  # fmt: skip

SCHEMAS: Final = {"ScaledObject": SCALED_OBJECT, "TriggerAuthentication": TRIGGER_AUTHENTICATION}
