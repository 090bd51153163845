"""A writer that goes on until it is killed: a module of its own, which a process can import."""

from manifests import append

from harness.records.run_directory import RunDirectory


def append_until_killed(path, cell):
    """Records of some size, one after the other."""
    directory = RunDirectory(path)
    for number in range(10**9):
        append(directory, cell, {"image": str(number), "error": "x" * 3000})
