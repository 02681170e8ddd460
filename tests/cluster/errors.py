"""The one error of the test cluster."""


class ClusterError(Exception):
    """The cluster could not be brought to what was asked; the message says what to change or shows the failing log."""
