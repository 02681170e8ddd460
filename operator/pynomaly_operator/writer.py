"""Making the children of one detector what they must be, in the order in which they depend on each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pynomaly_operator.api.v1alpha1 import ApiKeys as KeyPolicy
from pynomaly_operator.api_keys import ApiKeys
from pynomaly_operator.children import Children, child_id
from pynomaly_operator.desired.children import children
from pynomaly_operator.desired.labels import ASKED_HASH, DESIRED_HASH
from pynomaly_operator.desired.wanted import Identity, Wanted
from pynomaly_operator.errors import Hindrance, NamespaceEnding
from pynomaly_operator.events import key_made
from pynomaly_operator.kept import kept
from pynomaly_operator.key_rotation import KeyRotation
from pynomaly_operator.manifest import DEPLOYMENT, SECRET, Manifest
from pynomaly_operator.recorder import Recorder
from pynomaly_operator.scaling import Scaling
from pynomaly_operator.store import Store
from pynomaly_operator.turns import Turns


@dataclass(frozen=True, slots=True)
class Written:
    """What came of writing the children."""

    hindrance: Hindrance | None = None
    """What is in the way of one of them."""
    key_secret: Manifest | None = None
    """The metadata of the Secret with the keys."""
    wait: float | None = None
    """Seconds until something is due to be written; None: only a change can make it so."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes everything that is possible."""

    store: Store
    children: Children
    scaling: Scaling
    api_keys: ApiKeys
    key_rotation: KeyRotation
    recorder: Recorder
    turns: Turns
    """For Deployments that change only because the operator, or its settings, did."""
    now: Callable[[], datetime]

    async def write(self, wanted: Wanted) -> Written:
        """Makes the children what they must be."""
        key_secret = await self.api_keys.look(wanted.detector)
        manifests = children(wanted)
        # First: superseded Jobs end before the trainer's config map changes under them, and an autoscaler before the
        # number of pods is set without it.
        pruning = await self._prune(wanted, manifests)
        written = await self._write(wanted, manifests, key_secret)
        return replace(written, hindrance=written.hindrance or pruning)

    async def _prune(self, wanted: Wanted, manifests: Sequence[Manifest]) -> Hindrance | None:
        detector = wanted.detector
        known = self.store.children((detector.namespace, detector.name))
        keep = {child_id(manifest) for manifest in manifests} | kept(wanted, known)
        return await self.children.prune(detector, keep)

    async def _write(self, wanted: Wanted, manifests: tuple[Manifest, ...], key_secret: Manifest | None) -> Written:
        try:
            key_secret = await self._ensure_key(wanted.detector, manifests, key_secret)
        except NamespaceEnding as hindrance:
            return Written(hindrance)
        except Hindrance as hindrance:
            others = [manifest for manifest in manifests if manifest["kind"] != SECRET.name]
            return Written(await self._apply(wanted, others) or hindrance)
        first = await self._apply(wanted, manifests)
        if key_secret is None:
            return Written(first)
        return await self._rotate(wanted, key_secret, first)

    async def _apply(self, wanted: Wanted, manifests: Sequence[Manifest]) -> Hindrance | None:
        due = [manifest for manifest in manifests if self._is_due(wanted.detector, manifest)]
        hindrance = await self.children.apply_all(wanted.detector, due)
        try:
            await self.scaling.keep_least(wanted.detector, wanted.serving.replicas)
        except Hindrance as unscaled:
            return hindrance or unscaled
        return hindrance

    def _is_due(self, detector: Identity, manifest: Manifest) -> bool:
        """Whether the manifest is to be applied now; a Deployment that its user did not change waits for its turn."""
        key = detector.namespace, detector.name
        child = self.store.child(key, child_id(manifest))
        if manifest["kind"] != DEPLOYMENT.name or child is None or child.owner != detector.uid:
            return True
        annotations = manifest["metadata"]["annotations"]
        if child.hash in (None, annotations[DESIRED_HASH]) or child.asked not in (None, annotations[ASKED_HASH]):
            return True
        return self.turns.take(key, self.now()) is None

    async def _ensure_key(
        self, detector: Identity, manifests: tuple[Manifest, ...], key_secret: Manifest | None
    ) -> Manifest | None:
        """The metadata of the Secret that then holds a key; None when the detector needs none."""
        for manifest in manifests:
            if manifest["kind"] != SECRET.name:
                continue
            made = await self.api_keys.ensure(detector, manifest, key_secret)
            if made is not None:
                self.recorder.record(detector, key_made(manifest["metadata"]["name"]))
            return made or key_secret
        return None

    async def _rotate(self, wanted: Wanted, secret: Manifest, hindrance: Hindrance | None) -> Written:
        policy = wanted.serving.access.api_keys or KeyPolicy()
        try:
            rotated = await self.key_rotation.keep(policy, secret)
        except Hindrance as refused:
            return Written(hindrance or refused, secret)
        if rotated.event is not None:
            self.recorder.record(wanted.detector, rotated.event)
        return Written(hindrance, rotated.secret, rotated.wait)
