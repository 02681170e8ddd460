"""The certificates of a cluster, made by openssl: one authority, P-256 keys, a month of life."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.commands import run

_DAYS = "30"
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", _DAYS)
# openssl's own configuration would mark every certificate as an authority.
_CONFIGURATION = "[req]\ndistinguished_name = subject\n[subject]\n"


@dataclass(frozen=True)
class Identity:
    """A certificate and its private key, both PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """What signs every certificate of one cluster."""

    folder: Path
    identity: Identity

    @classmethod
    def create(cls, folder: Path) -> "Authority":
        """A new authority whose files lie in `folder`."""
        folder.mkdir(parents=True)
        (folder / "openssl.cnf").write_text(_CONFIGURATION)
        authority = cls(folder, Identity(folder / "ca.crt", folder / "ca.key"))
        extensions = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,digitalSignature")
        authority._request(authority.identity, "/CN=test-cluster", extensions)
        return authority

    def issue(self, name: str, subject: str, alternatives: Sequence[str] = ()) -> Identity:
        """A certificate for servers and clients; `alternatives` are openssl's, such as `IP:127.0.0.1`."""
        identity = Identity(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        extensions = ["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth,clientAuth"]
        if alternatives:
            extensions.append("subjectAltName=" + ",".join(alternatives))
        signer = ("-CA", str(self.identity.certificate), "-CAkey", str(self.identity.key))
        self._request(identity, subject, extensions, signer)
        return identity

    def signing_key(self, name: str) -> Path:
        """A bare private key, for tokens."""
        key = self.folder / f"{name}.key"
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        return key

    def kubeconfig(self, path: Path, server: str, user: Identity) -> Path:
        """A kubeconfig that needs no other file. JSON, which is YAML."""
        cluster = {"server": server, "certificate-authority-data": _encoded(self.identity.certificate)}
        credentials = {
            "client-certificate-data": _encoded(user.certificate),
            "client-key-data": _encoded(user.key),
        }
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": credentials}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(content, indent=1))
        return path

    def _request(self, identity: Identity, subject: str, extensions: Sequence[str], signer: Sequence[str] = ()) -> None:
        added = [part for extension in extensions for part in ("-addext", extension)]
        files = ("-keyout", identity.key, "-out", identity.certificate)
        configuration = ("-config", self.folder / "openssl.cnf")
        run("openssl", "req", "-x509", *configuration, *_NEW_KEY, *signer, "-subj", subject, *added, *files)


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
