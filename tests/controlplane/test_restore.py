"""A cluster that is restored from a backup: what was known of it does not hold any more."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import product
from pathlib import Path

import pytest
from kubernetes_asyncio import client, config
from tests.cluster import bare, namespaces
from tests.cluster.control_plane import ControlPlane
from tests.controlplane.definitions import Definition
from tests.controlplane.detectors import Detector
from tests.controlplane.restoring import Backup
from tests.controlplane.running_operator import RunningOperator

from pynomaly_operator import audit
from pynomaly_operator.errors import HistoryWentBack
from pynomaly_operator.kube import Credentials, Kube
from pynomaly_operator.metrics import Metrics
from pynomaly_operator.scope import Scope
from pynomaly_operator.store import Key, Store

Notice = Callable[[Kube, Store, Scope], Awaitable[set[Key]]]


@pytest.fixture
def own_plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """One that no other test shares: its past comes back."""
    with bare.running(tmp_path / "plane") as plane:
        definition = Definition(plane)
        definition.install(definition.ours)
        yield plane


@pytest.fixture
def found(own_plane: ControlPlane) -> Iterator[Detector]:
    """A detector on which no operator acts."""
    with namespaces.restricted(own_plane.kubectl) as namespace:
        detector = Detector(own_plane.kubectl, namespace, RunningOperator(own_plane.kubeconfig))
        detector.apply()
        yield detector


def test_a_restored_backup_is_noticed_by_who_takes_over_and_by_each_audit_whether_objects_changed_or_went_since(
    found: Detector, own_plane: ControlPlane, tmp_path: Path
) -> None:
    backup = Backup.take(own_plane, tmp_path / "backup")
    found.patch("ad", "shuttle", {"metadata": {"annotations": {"since": "the backup"}}})
    changed, went = _known(found), _known(found)
    went.detector_deleted(found.read()["metadata"])
    assert _noticed(own_plane, changed, audit.make_good) is None

    backup.restore()

    for store, notice in product((changed, went), (audit.caught_up, audit.make_good)):
        error = _noticed(own_plane, store, notice)
        assert error is not None
        assert f"AnomalyDetector {found.namespace}/shuttle was known up to resourceVersion" in str(error)
    anew = Store()
    assert _noticed(own_plane, anew, audit.make_good) is None
    assert [detector.uid for detector in anew.detectors.values()] == [found.uid]


def test_an_operator_that_knows_what_is_no_more_ends_before_it_acts(
    unapplied: Detector, own_operator: RunningOperator
) -> None:
    unapplied.apply()
    own_operator.store = lambda: _known(unapplied, ahead=1000)

    told = f"AnomalyDetector {unapplied.namespace}/shuttle was known up to"
    with pytest.raises(HistoryWentBack, match=told), own_operator.running():
        pass

    assert own_operator.writes() == 0
    own_operator.store = Store
    with own_operator.running():
        unapplied.await_job()


def _known(detector: Detector, ahead: int = 0) -> Store:
    """A store that was told of the detector as it is, or so many changes of the cluster later."""
    store, body = Store(), detector.read()
    version = int(body["metadata"]["resourceVersion"]) + ahead
    store.see_detector({**body, "metadata": {**body["metadata"], "resourceVersion": str(version)}})
    return store


def _noticed(plane: ControlPlane, store: Store, notice: Notice) -> HistoryWentBack | None:
    """What it complains of, when it does."""

    async def noticed() -> HistoryWentBack | None:
        configuration = client.Configuration()
        await config.load_kube_config(config_file=str(plane.kubeconfig), client_configuration=configuration)
        kube = Kube(Credentials(configuration), Metrics())
        try:
            await notice(kube, store, Scope())
        except HistoryWentBack as error:
            return error
        finally:
            await kube.close()
        return None

    return asyncio.run(noticed())
