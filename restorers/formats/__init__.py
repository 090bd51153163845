"""Weights files that run as restorers by path: ``--restorers path/to/file``.

Each kind of file is a `harness.plugins.RestorerFormat`, declared under the entry-point group
``harness.checkpoints``.

No file is accepted by two of the kinds declared here. `docs/guides/weights.md` says what a file of
each kind must look like.
"""
