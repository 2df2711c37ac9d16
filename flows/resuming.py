"""``resume`` after a resume continues from the second one."""

from pathlib import Path
from typing import Any

from metaflow import current
from metaflow.plugins.datastores.local_storage import LocalStorage

from moemoe.atomic_files import replacing
from moemoe.errors import MoEMoEError


def note_changed_contract(flow: Any) -> None:
    """Prints in a resumed run if its contract has changed since it began: the run keeps the contract of its start."""
    if current.origin_run_id is None or not hasattr(flow, "contract_hash"):
        return
    import data_contracts

    try:
        now = data_contracts.load(flow.dataset).hash
    except MoEMoEError:
        now = "gone, or with an error in it"
    if now != flow.contract_hash:
        print(
            f"the contract of {flow.dataset} was changed since this run began; the run goes on with the one that it "
            f"began with, {flow.folder.given_contract.uri}. Begin a new run (`run`) for the changed one",
            flush=True,
        )


def mark_latest_run() -> None:
    """Records a resumed run as the latest one, which Metaflow does for fresh runs only.

    Otherwise the next ``resume`` would start from the run before this one and repeat this one's work: a training whose
    ``start`` was resumed has its checkpoints under the resumed run. A step calls it, because steps begin only when all
    earlier work has been cloned, and a resumed run cannot be continued before that.
    """
    if current.origin_run_id is None:
        return
    root = LocalStorage.datastore_root or LocalStorage.get_datastore_root_from_config(print, create_on_absent=False)
    latest = Path(root or "", current.flow_name, "latest_run")
    if root and latest.is_file():  # not on a cluster, where runs are resumed by their ids
        with replacing(latest) as temporary:  # several tasks may do this at the same time
            Path(temporary).write_text(current.run_id)
