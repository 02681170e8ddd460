"""Whatever is done to a detector and to its operator, in any order, in the end it is as if it had been made now."""

from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from tests.cluster.control_plane import ControlPlane
from tests.controlplane.histories import HISTORIES, Act, ends_as_if_made_now

EXAMPLES = 3


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # to shrink an example takes as long as hundreds of others
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],  # the folder may be shared
)
@given(acts=HISTORIES)
def test_a_detector_ends_as_if_it_had_been_made_now(plane: ControlPlane, tmp_path: Path, acts: list[Act]) -> None:
    ends_as_if_made_now(plane, tmp_path, acts)
