import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL, make_url

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_inference.registry.connect import open_database
from pynomaly_inference.registry.postgresql_url import Server
from pynomaly_inference.registry.settings import RegistrySettings


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite://host/path",
        "sqlite:///",
        "mysql://a:secret@b/c",
        "mysql://b/c?password=secret",
        "postgresql//a:secret@b/c",
        "postgresql://a:b@c:secret/d",
    ],
)
def test_a_url_that_names_no_database_says_what_to_give_instead(url: str) -> None:
    with pytest.raises(ResourceInvalid, match=r"sqlite:///PATH.*postgresql://USER:PASSWORD@HOST") as raised:
        open_database(url)
    assert "secret" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None, "a log would show what was parsed"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://a:secret@b", "no database"),
        ("postgresql://a:secret@/c", "no host"),
        ("postgresql://b/c", "no user"),
        ("postgresql:///c", "no host and no user"),
        ("postgresql://a:not@secret@b/c", "@ in a password as %40"),
        ("postgresql://a@b/c?password=secret", "`password` in its query"),
        ("postgresql://a:secret@b/c?statement_timeout=0", "`statement_timeout` in its query"),
        ("postgresql://a:secret@b/c?host=d&sslmode=require", "`host` in its query"),
    ],
)
def test_a_postgresql_that_is_not_wholly_named_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(ResourceInvalid, match=said) as raised:
        open_database(url)
    assert "secret" not in str(raised.value)


def test_a_url_is_taken_apart() -> None:
    found = Server.of(
        make_url("postgresql://me:p%40s%2Fs@db.example:6543/models?sslmode=verify-full&sslrootcert=/ca.crt")
    )
    assert (found.host, found.port, found.database, found.user) == ("db.example", 6543, "models", "me")
    assert found.password == "p@s/s"  # noqa: S105 - not a secret: the expected decoding
    assert found.options == "postgresql://?sslmode=verify-full&sslrootcert=%2Fca.crt"
    assert str(found) == "postgresql://me@db.example:6543/models"


def test_the_port_is_postgresqls_own_unless_it_is_given() -> None:
    assert Server.of(make_url("postgresql://me@db/models")).port == 5432


@given(password=st.text(min_size=8).map("7!Q".__add__))
def test_no_password_is_shown_and_every_one_is_understood(password: str) -> None:
    url = URL.create("postgresql", "me", password, "db", database="models").render_as_string(hide_password=False)
    server = Server.of(make_url(url))
    assert server.password == password
    settings = RegistrySettings(url, "pynomaly:operator")
    for shown in (str(server), repr(server), str(settings), repr(settings)):
        assert password not in shown
        assert url not in shown
