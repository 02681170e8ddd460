"""API keys replaced by time: two are accepted during the overlap, and the operator never reads one."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector

from pynomaly_operator.notification import Notification
from pynomaly_operator.rotation import SPREAD

ROTATED = "pynomaly.io/api-key-rotated"
MONTHLY = {"access": {"apiKeys": {"rotateAfter": "720h", "overlap": "24h"}}}


def test_a_key_past_its_time_is_replaced_once_and_stays_as_the_previous_one(detector: Detector) -> None:
    detector.until_ready(serving=MONTHLY)
    old = _data(detector)
    assert set(old) == {"current"}

    _note(detector, timedelta(hours=721))
    until(lambda: "next" in _data(detector), within=WITHIN, what="the next key")
    ahead = _data(detector)
    assert ahead["current"] == old["current"], "nobody is given a key before every server has had time to read it"
    _pass(detector, 3)
    assert _data(detector) == ahead

    _age_next(detector, SPREAD)

    until(lambda: "previous" in _data(detector), within=WITHIN, what="the rotation")
    found = _data(detector)
    assert found == {"current": ahead["next"], "previous": old["current"]}
    assert found["current"] != old["current"]
    assert len(base64.b64decode(found["current"])) >= 43
    noted = datetime.fromisoformat(_metadata(detector)["annotations"][ROTATED])
    assert abs(datetime.now(UTC) - noted) < timedelta(minutes=1)
    _pass(detector, 4)
    assert _data(detector) == found, "once is enough"
    assert len(_events(detector, "the previous one is accepted until")) == 1


def test_pods_are_told_of_the_next_key(detector: Detector) -> None:
    detector.until_ready(serving=MONTHLY)
    before = _told(detector)

    _note(detector, timedelta(hours=721))

    until(lambda: _told(detector) not in (None, before), within=WITHIN, what="the pod to be told")
    assert set(_data(detector)) == {"current", "next"}


def test_a_next_key_goes_when_keys_are_to_be_replaced_no_more(detector: Detector) -> None:
    detector.until_ready(serving=MONTHLY)
    old = _data(detector)
    _note(detector, timedelta(hours=721))
    until(lambda: "next" in _data(detector), within=WITHIN, what="the next key")

    detector.apply()

    until(lambda: _data(detector) == old, within=WITHIN, what="the next key to be dropped")


def test_the_previous_key_goes_when_its_overlap_is_over(detector: Detector) -> None:
    detector.until_ready(serving=MONTHLY)
    _note(detector, timedelta(hours=721))
    until(lambda: "next" in _data(detector), within=WITHIN, what="the next key")
    _age_next(detector, SPREAD)
    until(lambda: "previous" in _data(detector), within=WITHIN, what="the rotation")
    current = _data(detector)["current"]

    _note(detector, timedelta(hours=25))

    until(lambda: _data(detector) == {"current": current}, within=WITHIN, what="the previous key to be dropped")
    until(lambda: _events(detector, "no longer accepted"), within=WITHIN, what="the event")


def test_a_secret_that_was_deleted_gets_a_new_key_at_once_and_no_previous_one(detector: Detector) -> None:
    detector.until_ready(serving=MONTHLY)
    old = _data(detector)["current"]

    detector.kubectl("delete", "secret", "shuttle-api-keys", detector.here)

    until(lambda: detector.get("secret", "shuttle-api-keys"), within=WITHIN, what="the Secret")
    found = _data(detector)
    assert set(found) == {"current"}
    assert found["current"] != old


def test_a_secret_that_cannot_be_changed_is_told_of_and_the_key_stays(detector: Detector) -> None:
    detector.until_ready(serving=MONTHLY)
    old = _data(detector)
    detector.patch("secret", "shuttle-api-keys", {"immutable": True})

    _note(detector, timedelta(hours=721))

    message = detector.await_condition("Ready", "False", "Internal")["message"]
    assert "immutable" in message
    assert _data(detector) == old


def test_the_api_server_refuses_an_overlap_that_is_no_shorter_than_a_keys_time(refused_detector: Detector) -> None:
    for policy, words in (
        ({"rotateAfter": "24h"}, "apiKeys.overlap, 24h when it is left out"),
        ({"overlap": "1h"}, "apiKeys.overlap needs apiKeys.rotateAfter"),
        ({"rotateAfter": "30m", "overlap": "10m"}, "at least 1h"),
        ({"rotateAfter": "2h", "overlap": "30s"}, "at least 1m"),
    ):
        manifest = refused_detector.manifest(serving={"access": {"apiKeys": policy}})
        assert words in refused_detector.refused(manifest)


def _note(detector: Detector, age: timedelta) -> None:
    """As if the key had been made so long ago."""
    then = (datetime.now(UTC) - age).isoformat(timespec="seconds")
    detector.patch("secret", "shuttle-api-keys", {"metadata": {"annotations": {ROTATED: then}}})


def _age_next(detector: Detector, age: timedelta) -> None:
    """As if the next key had been written so long ago."""
    fields = _metadata(detector)["managedFields"]
    index = next(i for i, entry in enumerate(fields) if "f:next" in entry["fieldsV1"].get("f:data", {}))
    then = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    aged = json.dumps([{"op": "replace", "path": f"/metadata/managedFields/{index}/time", "value": then}])
    detector.kubectl("patch", "secret", "shuttle-api-keys", detector.here, "--type=json", f"--patch={aged}")


def _data(detector: Detector) -> dict[str, str]:
    found = detector.get("secret", "shuttle-api-keys")
    return {} if found is None else dict(found["data"])


def _metadata(detector: Detector) -> Any:
    return detector.get("secret", "shuttle-api-keys")["metadata"]


def _told(detector: Detector) -> str | None:
    annotations = detector.get("pod", "shuttle-0")["metadata"].get("annotations", {})
    found = Notification.parse(annotations.get("pynomaly.io/api-keys-hash"))
    return None if found is None else found.content


def _events(detector: Detector, words: str) -> list[Any]:
    events = json.loads(detector.kubectl("get", "events", detector.here, "--output=json"))["items"]
    return [event for event in events if words in event["message"]]


def _pass(detector: Detector, more: int) -> None:
    before = detector.operator.passes()
    until(lambda: detector.operator.passes() >= before + more, within=WITHIN, what=f"{more} more passes")
