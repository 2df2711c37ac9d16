"""Which data a run was trained on: its manifest, as a tag of the run, so that a later run can tell what is new."""

from moemoe.registry.tracking import client

TAG = "manifest"


def record_manifest(uri: str, run_id: str, manifest_uri: str) -> None:
    """Says on a run which manifest it is trained on."""
    client(uri).set_tag(run_id, TAG, manifest_uri)


def recorded_manifest(uri: str, run_id: str) -> str | None:
    """The manifest that a run recorded; None where it recorded none."""
    return client(uri).get_run(run_id).data.tags.get(TAG)
