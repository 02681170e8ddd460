"""Detectors at the edge of what the definition accepts are trained and served as any other."""

import json
from dataclasses import replace
from typing import Any

from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector

LONGEST_NAME = "a" + "-" * 38 + "z"
UNICODE = "température du réacteur 温度 🌡\u200f \u202e\"'\\{{}}$(x)`\n"


def test_the_longest_name_reaches_every_child(detector: Detector) -> None:
    longest = replace(detector, name=LONGEST_NAME)

    longest.until_ready(pods=2, serving={"replicas": {"min": 2, "max": 4}})

    kinds = {child.partition("/")[0] for child in longest.children() if LONGEST_NAME in child}
    assert {"Deployment", "Service", "ConfigMap", "Secret", "NetworkPolicy", "HorizontalPodAutoscaler"} <= kinds
    assert "PodDisruptionBudget" in kinds
    assert len(longest.job_name) <= 63
    assert longest.read()["status"]["endpoint"] == f"http://{LONGEST_NAME}.{detector.namespace}.svc"


def test_features_and_labels_in_any_script_reach_the_trainer_as_they_were_written(detector: Detector) -> None:
    names = [UNICODE, "Σ", "ς", "e\u0301", "\u00e9", "x" * 253]
    features = [{"name": name, "type": "Number"} for name in names]
    source = {"uri": "https://example.com/rows.csv", "label": f"étiquette {UNICODE}"}

    detector.until_ready(features=features, training={"source": source})

    told = _resource(detector)["spec"]
    assert [feature["name"] for feature in told["features"]] == names
    assert told["training"]["source"]["label"] == source["label"]


def test_a_resource_of_a_megabyte_is_trained_and_served(detector: Detector) -> None:
    features = [{"name": f"{number:04} " + "温" * 80, "type": "Number"} for number in range(2000)]
    text = json.dumps(detector.manifest(features=features), ensure_ascii=False)
    # A client's own apply would keep the whole once more, in an annotation that may not be so long.
    detector.kubectl("apply", "--server-side", "--filename=-", given=text)
    stored = detector.kubectl("get", "ad", "shuttle", detector.here, "--show-managed-fields", "--output=json")
    assert len(json.dumps(json.loads(stored), ensure_ascii=False).encode()) > 1_000_000

    detector.serve(detector.train())

    detector.await_condition("Ready", "True", "Succeeded")
    assert len(_resource(detector)["spec"]["features"]) == 2000
    detector.patch("deployment", "shuttle", {"spec": {"replicas": 4}})
    until(lambda: detector.get("deployment", "shuttle")["spec"]["replicas"] == 1, within=WITHIN, what="1 replica")


def _resource(detector: Detector) -> Any:
    """What the trainer reads."""
    (text,) = detector.get("configmap", "shuttle-training")["data"].values()
    return json.loads(text)
