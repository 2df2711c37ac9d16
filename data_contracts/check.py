"""Runs a suite of expectations through Great Expectations; gives a report for people, and Data Docs as HTML."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_contracts.data_docs import make_readable
from data_contracts.drift import drift_suite
from data_contracts.labels import label_suite
from data_contracts.predictions import prediction_suite
from data_contracts.raw import raw_suite
from data_contracts.shards import shard_suite
from data_contracts.suites import ExpectationSpec, Suite
from moemoe.compiled_templates import keep_compiled_templates
from moemoe.contract.contract import CRITICAL, Contract
from moemoe.errors import CatalogError
from moemoe.lazy_imports import imported_on_use
from moemoe.shards.manifest import Manifest


@dataclass(frozen=True)
class ExpectationResult:
    """The result of one expectation: its words, the observed value, and up to five product ids that break it."""

    words: str
    severity: str
    success: bool
    observed: str
    product_ids: tuple[str, ...]


@dataclass(frozen=True)
class ContractReport:
    """All results of one suite, and the path of its Data Docs' start page."""

    title: str
    findings: tuple[ExpectationResult, ...]
    docs_index: str

    @property
    def failures(self) -> tuple[ExpectationResult, ...]:
        """Failed expectations, critical ones first."""
        failed = [finding for finding in self.findings if not finding.success]
        return tuple(sorted(failed, key=lambda finding: finding.severity != CRITICAL))

    @property
    def success(self) -> bool:
        """Whether no critical expectation has failed."""
        return all(finding.severity != CRITICAL for finding in self.failures)

    @property
    def broken(self) -> list[str]:
        """A line per failed expectation: severity, words and observed value."""
        return [f"{finding.severity}: {finding.words}: {finding.observed}" for finding in self.failures]

    def message(self) -> str:
        """Plain text: how many expectations pass, and each failed one with the observed value and product ids."""
        held = len(self.findings) - len(self.failures)
        return "\n".join([f"{self.title}: {held} of {len(self.findings)} expectations pass", *self._lines()])

    def raise_if_critical(self) -> None:
        """Raises CatalogError, naming all failed expectations, if a critical one is among them."""
        if not self.success:
            raise CatalogError("\n".join([f"{self.title}: a critical expectation fails", *self._lines()]))

    def _lines(self) -> list[str]:
        lines = []
        for finding in self.failures:
            ids = f" (products {', '.join(finding.product_ids)})" if finding.product_ids else ""
            lines.append(f"  fails ({finding.severity}): {finding.words}: {finding.observed}{ids}")
        return lines


def check_raw(
    products: Iterable[pa.Table], quarantine: pa.Table, rows: int, contract: Contract, docs_dir: str | os.PathLike[str]
) -> ContractReport:
    """Checks the raw catalog against its contract; writes Data Docs to the local folder ``docs_dir``.

    ``products`` are parts of PRODUCTS that can be iterated several times; ``quarantine`` is QUARANTINE of the ``rows``
    read. Images are not read again: ``collect_products`` has decoded them.
    """
    return _check(raw_suite(products, quarantine, rows, contract), contract.dataset, docs_dir)


def check_labels(
    labels: Iterable[pa.Table], contract: Contract, docs_dir: str | os.PathLike[str], common: Sequence[str] = ()
) -> ContractReport:
    """Checks parts of LABELS with group and split against the contract; other arguments as in ``check_raw``.

    All labels of a product must be in one part. ``common`` describes the titles and images too frequent to join groups.
    """
    return _check(label_suite(labels, contract, common), contract.dataset, docs_dir)


def check_shards(
    manifest: Manifest, root: str, sidecar: Path, contract: Contract, docs_dir: str | os.PathLike[str]
) -> ContractReport:
    """Checks a manifest's shards under ``root``; ``sidecar`` is a local copy of its labels. Else as ``check_raw``."""
    return _check(shard_suite(manifest, root, sidecar, contract), contract.dataset, docs_dir)


def check_predictions(
    predictions: Iterable[pa.Table], contract: Contract, docs_dir: str | os.PathLike[str]
) -> ContractReport:
    """Checks parts of PREDICTIONS, which can be iterated several times, against the contract; else as ``check_raw``."""
    return _check(prediction_suite(predictions, contract), contract.dataset, docs_dir)


def check_drift(drift: pa.Table, contract: Contract, docs_dir: str | os.PathLike[str]) -> ContractReport:
    """Checks the drift between two runs (DRIFT, of ``label_drift``) against the contract; else as ``check_raw``."""
    return _check(drift_suite(drift, contract), contract.dataset, docs_dir)


def _check(suite: Suite, dataset: str, docs_dir: str | os.PathLike[str]) -> ContractReport:
    # read when Great Expectations is imported: no telemetry, and no progress bars in the flow's log
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with imported_on_use("altair", "scipy.stats"):  # a third of its import time, for an expectation that no suite uses
        import great_expectations as gx
    keep_compiled_templates()

    docs = Path(docs_dir).absolute()
    docs.mkdir(parents=True, exist_ok=True)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    context.update_data_docs_site(site_name="local_site", site_config=_site(docs))  # type: ignore[arg-type]
    source = context.data_sources.add_pandas(dataset)
    findings = []
    for name, slices in suite.frames.items():
        expectations = [spec for spec in suite.expectations if spec.frame == name]
        if not expectations:
            continue
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(
                name=name,
                data=source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(name),
                suite=context.suites.add(
                    gx.ExpectationSuite(name=name, expectations=[*map(_built, expectations, count())])
                ),
            )
        )
        held = [True] * len(expectations)
        for number, frame in enumerate(slices):
            batch = {"dataframe": frame.to_pandas()}
            # a page for the first slice, and for each slice with a failed expectation
            keep = partial(definition.run, batch_parameters=batch, run_id=_run_id(suite, number))
            outcome = keep() if number == 0 else definition.batch_definition.get_batch(batch).validate(definition.suite)
            for result in outcome.results:
                held[result.expectation_config.meta["position"]] &= bool(result.success)  # type: ignore[union-attr]
            if number and not outcome.success:
                keep()
        findings += [
            ExpectationResult(spec.words, spec.severity, held[i], spec.observed, spec.product_ids)
            for i, spec in enumerate(expectations)
        ]
    context.build_data_docs()
    report = ContractReport(f"contract {dataset}, {suite.title}", tuple(findings), str(docs / "index.html"))
    make_readable(docs, report)
    return report


def _run_id(suite: Suite, number: int) -> Any:
    import great_expectations as gx

    return gx.RunIdentifier(run_name=f"{suite.title.replace(' ', '-')}-{number:05d}")


def _site(docs: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)},
    }


def _built(spec: ExpectationSpec, position: int) -> Any:
    import great_expectations.expectations as gxe

    words = f"{spec.words} ({spec.severity})"
    kind = getattr(gxe, spec.kind)
    return kind(severity=spec.severity, description=words, meta={"position": position}, **spec.arguments)
