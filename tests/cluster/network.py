"""The node's network: a namespace of its own, joined to the machine by one pair of interfaces."""

from pathlib import Path

from tests.cluster.commands import run, succeeds
from tests.cluster.control_plane import SERVICE_RANGE

NAMESPACE = "pynomaly"
NODE = "10.250.0.2"
POD_RANGE = "10.244.0.0/16"
# `ip netns exec` would mount another /sys, in which the kubelet finds no cgroups.
ENTER = ("nsenter", f"--net=/run/netns/{NAMESPACE}")
_MACHINE = "10.250.0.1"
_PREFIX = "24"
_LINK = "pynomaly0"  # the machine's end


def create() -> None:
    """Makes the namespace; the machine reaches the node, its pods and its Services."""
    run("ip", "netns", "add", NAMESPACE)
    run("ip", "link", "add", _LINK, "type", "veth", "peer", "name", "eth0", "netns", NAMESPACE)
    run("ip", "addr", "add", f"{_MACHINE}/{_PREFIX}", "dev", _LINK)
    run("ip", "link", "set", _LINK, "up")
    run(*ENTER, "ip", "link", "set", "lo", "up")
    run(*ENTER, "ip", "addr", "add", f"{NODE}/{_PREFIX}", "dev", "eth0")
    run(*ENTER, "ip", "link", "set", "eth0", "up")
    run(*ENTER, "ip", "route", "add", "default", "via", _MACHINE)
    run(*ENTER, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    for destination in (SERVICE_RANGE, POD_RANGE):
        run("ip", "route", "add", destination, "via", NODE)


def remove() -> None:
    """Removes the links, and with them the routes, and the namespace; does nothing where there are none."""
    # One end takes the other with it, at once; left to the namespace they would vanish some time later.
    if succeeds("ip", "link", "show", _LINK):
        run("ip", "link", "delete", _LINK)
    if Path("/run/netns", NAMESPACE).exists():
        run("ip", "netns", "delete", NAMESPACE)
