"""Weights files that run as restorers by path: ``--restorers path/to/file``.

Each kind of file is a class declared under the entry-point group ``harness.checkpoints`` with

* ``accepts(path) -> bool``: cheap, by suffix and the first bytes, without importing torch;
* ``open(path, *, nearest_qf=False, tile=None) -> Restorer``.

No file is accepted by two of the kinds declared here. `docs/guides/weights.md` says what a file of
each kind must look like.
"""
