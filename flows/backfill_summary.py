"""The last words of BackfillFlow."""

import shlex
from typing import Any


def where_everything_is(flow: Any) -> str:
    """The last words of a run."""
    return "\n".join(
        [
            f"report   {flow.report_uri}",
            f"values   {flow.manifest_uri} lists the Parquet files",
            f"audit    {flow.page_uri} for people; its table is {flow.audit_uri}",
            f"verdicts {shlex.join(['moemoe', 'audit', flow.audit_uri])} --verdicts VERDICTS.csv",
        ]
    )
