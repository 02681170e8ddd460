"""The Debian packages that the node and the image builds need."""

import os
import shutil
import sys
from pathlib import Path

from tests.cluster.commands import run
from tests.cluster.errors import ClusterError

# What tells that a package is there, so that a machine which has it from elsewhere needs no Debian.
_NEEDED = {
    "buildah": "/usr/bin/buildah",
    "conntrack": "/usr/sbin/conntrack",
    "containernetworking-plugins": "/usr/lib/cni/ptp",
    "debootstrap": "/usr/sbin/debootstrap",
    "gcc": "/usr/bin/gcc",
    "iproute2": "/usr/sbin/ip",
    "libc6-dev": "/usr/include/stdlib.h",
    "libseccomp-dev": "/usr/include/seccomp.h",
    "nftables": "/usr/sbin/nft",
    "openssl": "/usr/bin/openssl",
    "pkg-config": "/usr/bin/pkg-config",
    "util-linux": "/usr/bin/nsenter",
}


def missing() -> list[str]:
    """The packages that are not installed."""
    return [name for name, file in _NEEDED.items() if not Path(file).exists()]


def installable() -> bool:
    """Whether this process may install packages: root on a Debian."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install() -> None:
    """Installs what is missing.

    Raises:
        ClusterError: this is no Debian, or not root; the message names the packages.
    """
    names = missing()
    if not names:
        return
    if not installable():
        raise ClusterError(f"Debian's packages {', '.join(names)} are missing; install them as root.")
    sys.stderr.write(f"Installing {', '.join(names)}\n")
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-q", environment=quietly)
    run("apt-get", "install", "-q", "-y", "--no-install-recommends", *names, environment=quietly)
