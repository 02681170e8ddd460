import pytest

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_operator.settings import Settings

NEEDED = {
    "PYNOMALY_TRAINER_IMAGE": "trainer:1",
    "PYNOMALY_SERVER_IMAGE": "server:1",
    "PYNOMALY_REGISTRY_URL": "http://registry",
}


def test_settings_come_from_the_environment_and_the_rest_has_defaults() -> None:
    settings = Settings.from_environment({**NEEDED, "PYNOMALY_WORKERS": "4", "HOME": "/root"})

    assert (settings.workers, settings.programs.trainer_image) == (4, "trainer:1")
    assert settings.programs.pull_policy == "IfNotPresent"


@pytest.mark.parametrize(
    ("given", "expected"),
    [("registry-login", ("registry-login",)), ("a, b.c,", ("a", "b.c")), ("", ())],
    ids=["one", "two", "none"],
)
def test_the_pods_pull_secrets_are_names_between_commas(given: str, expected: tuple[str, ...]) -> None:
    settings = Settings.from_environment({**NEEDED, "PYNOMALY_IMAGE_PULL_SECRETS": given})

    assert settings.programs.pull_secrets == expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PYNOMALY_REGISTRY_URL", "registry"),
        ("PYNOMALY_REGISTRY_URL", "http://registry:80000"),
        ("PYNOMALY_NAMESPACE", "No_Name"),
        ("PYNOMALY_IMAGE_PULL_SECRETS", "login,No_Name"),
        ("PYNOMALY_WORKERS", "0"),
        ("PYNOMALY_LOG_LEVEL", "loud"),
    ],
)
def test_a_setting_that_is_wrong_is_named(variable: str, value: str) -> None:
    with pytest.raises(ResourceInvalid, match=variable):
        Settings.from_environment({**NEEDED, variable: value})


@pytest.mark.parametrize("variable", NEEDED)
def test_a_setting_that_is_missing_is_named(variable: str) -> None:
    with pytest.raises(ResourceInvalid, match=variable):
        Settings.from_environment({name: value for name, value in NEEDED.items() if name != variable})
