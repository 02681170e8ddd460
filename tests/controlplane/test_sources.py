"""Which sources a training may read: labels of what it uses, and places that the network opens to it."""

import json

from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.standins import termination


def test_a_source_is_read_only_with_the_label_that_allows_it(detector: Detector) -> None:
    detector.apply(training={"source": {"uri": "configmap://telemetry/rows.csv"}})
    message = detector.await_condition("Stalled", "True", "SourceUnreachable")["message"]
    assert "no ConfigMap `telemetry`" in message

    detector.kubectl("create", "configmap", "telemetry", "--from-literal=rows.csv=x", detector.here)
    message = detector.await_condition("Stalled", "True", "SourceNotAllowed")["message"]
    assert "pynomaly.io/use=training" in message
    assert detector.get("job", detector.job_name) is None

    detector.kubectl("label", "configmap", "telemetry", "pynomaly.io/use=training", detector.here)
    detector.await_job()


def test_credentials_are_used_only_with_the_label_that_allows_it(detector: Detector) -> None:
    source = {"uri": "postgresql://db.example.org/plant", "query": "SELECT 1", "credentials": "warehouse"}
    detector.apply(training={"source": source})
    message = detector.await_condition("Stalled", "True", "SourceUnreachable")["message"]
    assert "no Secret `warehouse`" in message

    detector.kubectl("create", "secret", "generic", "warehouse", "--from-literal=PGPASSWORD=s3cret", detector.here)
    message = detector.await_condition("Stalled", "True", "SourceNotAllowed")["message"]
    assert "pynomaly.io/use=training" in message
    assert detector.get("job", detector.job_name) is None

    detector.kubectl("label", "secret", "warehouse", "pynomaly.io/use=training", detector.here)
    detector.await_job()


def test_credentials_that_were_deleted_are_missed_by_the_next_training_alone_and_used_when_they_are_back(
    detector: Detector,
) -> None:
    made = ("create", "secret", "generic", "warehouse", detector.here)
    label = ("label", "secret", "warehouse", "pynomaly.io/use=training", detector.here)
    detector.kubectl(*made, "--from-literal=PGPASSWORD=first")
    detector.kubectl(*label)
    source = {"uri": "postgresql://db.example.org/plant", "query": "SELECT 1", "credentials": "warehouse"}
    detector.until_ready(training={"source": source})

    detector.kubectl("delete", "secret", "warehouse", detector.here)
    detector.kubectl("annotate", "ad", "shuttle", "pynomaly.io/retrain=today", detector.here)
    told = until(lambda: _missed(detector), within=WITHIN, what="the Secret to be missed")
    assert "no Secret `warehouse`" in told
    detector.await_condition("Ready", "True", "Succeeded")

    detector.kubectl(*made, "--from-literal=PGPASSWORD=second")
    detector.kubectl(*label)
    job = detector.await_job()
    (container,) = job["spec"]["template"]["spec"]["containers"]
    names = [entry["valueFrom"]["secretKeyRef"]["name"] for entry in container["env"] if "valueFrom" in entry]
    assert set(names) == {"warehouse"}, "pods read the Secret as it is when they start"


def test_a_source_with_a_private_address_is_trained_from_once_it_is_opened(detector: Detector) -> None:
    private = {"source": {"uri": "http://10.1.2.3:8080/rows.csv"}}
    detector.apply(training=private)

    message = detector.await_condition("Stalled", "True", "SourceNotAllowed")["message"]
    assert "add {cidr: 10.1.2.3/32, port: 8080} to spec.network.allowTo" in message
    assert detector.get("job", detector.job_name) is None

    detector.apply(training=private, network={"allowTo": [{"cidr": "10.1.0.0/16", "port": 8080}]})
    detector.await_job()
    opened = {"ipBlock": {"cidr": "10.1.0.0/16"}}
    rules = detector.get("networkpolicy", "shuttle-training")["spec"]["egress"]
    assert [rule["ports"] for rule in rules if rule.get("to") == [opened]] == [[{"port": 8080, "protocol": "TCP"}]]


def test_a_training_that_could_not_connect_is_tried_again_when_another_place_is_opened(detector: Detector) -> None:
    detector.apply()
    job = detector.await_job()
    said = {"format": 1, "fingerprint": detector.fingerprint, "outcome": "SourceUnreachable", "message": "no route"}
    detector.node.pod(job, "trainer-0", termination(11, message=json.dumps(said)))
    failed = job["metadata"]["name"]
    detector.node.job_failed(failed, "BackoffLimitExceeded")
    detector.await_condition("Trained", "False", "SourceUnreachable")

    detector.apply(network={"allowTo": [{"namespace": "storage", "port": 9000}]})

    assert detector.await_job()["metadata"]["name"] != failed


def _missed(detector: Detector) -> str:
    """What the detector says of a source that cannot be read; empty while it does not."""
    trained = detector.condition("Trained")
    return str(trained["message"]) if trained.get("reason") == "SourceUnreachable" else ""
