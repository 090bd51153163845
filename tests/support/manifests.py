"""Manifests and records as JSON, for the tests that write or bend them by hand."""

import json

from harness.plugins import Record
from harness.records.schema import Manifest


def manifest_json(directory):
    """What the manifest of a run directory holds, to be changed."""
    return json.loads(json.dumps(directory.manifest().to_json()))


def write_manifest(directory, written):
    """Write a manifest that is given as JSON."""
    directory.write_manifest(Manifest.model_validate(written))


def append(directory, cell, written):
    """Add a record that is given as JSON."""
    directory.append(cell, Record.from_json(written))


def records_json(directory, cell):
    """The records of a cell as JSON, by image id."""
    return {image: record.to_json() for image, record in directory.records(cell).items()}


def plan_records(directory, plan):
    """The records of a plan's cells as JSON, by cell key and image id."""
    return {cell.key: records_json(directory, cell) for cell in plan.cells}


def plan_numbers(directory, plan):
    """The same without their timings, which differ from run to run."""
    return {
        key: {i: {k: v for k, v in r.items() if k != "seconds"} for i, r in records.items()}
        for key, records in plan_records(directory, plan).items()
    }
