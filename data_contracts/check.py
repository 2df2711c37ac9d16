"""Runs a suite of expectations through Great Expectations; a report for people, Data Docs as HTML."""

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
    """What came of one expectation: its words, what was seen, and up to five product ids that break it."""

    words: str
    severity: str
    success: bool
    observed: str
    product_ids: tuple[str, ...]


@dataclass(frozen=True)
class ContractReport:
    """Every finding of one suite, and where its Data Docs begin."""

    title: str
    findings: tuple[ExpectationResult, ...]
    docs_index: str

    @property
    def failures(self) -> tuple[ExpectationResult, ...]:
        """Broken expectations, critical ones first."""
        failed = [finding for finding in self.findings if not finding.success]
        return tuple(sorted(failed, key=lambda finding: finding.severity != CRITICAL))

    @property
    def success(self) -> bool:
        """Whether no critical expectation is broken."""
        return all(finding.severity != CRITICAL for finding in self.failures)

    @property
    def broken(self) -> list[str]:
        """A line per broken expectation: severity, words and what was seen."""
        return [f"{finding.severity}: {finding.words}: {finding.observed}" for finding in self.failures]

    def message(self) -> str:
        """Plain text: how many expectations hold, and each broken one with the observed figure and product ids."""
        held = len(self.findings) - len(self.failures)
        return "\n".join([f"{self.title}: {held} of {len(self.findings)} expectations hold", *self._lines()])

    def raise_if_critical(self) -> None:
        """Raises CatalogError, naming every broken expectation, where a critical one is among them."""
        if not self.success:
            raise CatalogError("\n".join([f"{self.title}: a critical expectation does not hold", *self._lines()]))

    def _lines(self) -> list[str]:
        lines = []
        for finding in self.failures:
            ids = f" (products {', '.join(finding.product_ids)})" if finding.product_ids else ""
            lines.append(f"  fails ({finding.severity}): {finding.words}: {finding.observed}{ids}")
        return lines


def check_raw(
    products: Iterable[pa.Table], quarantine: pa.Table, rows: int, contract: Contract, docs_dir: str | os.PathLike[str]
) -> ContractReport:
    """The raw catalog against its contract; Data Docs are written to the local folder ``docs_dir``.

    ``products`` are parts of PRODUCTS that can be gone over several times; ``quarantine`` is QUARANTINE of the ``rows``
    read. No image is looked at: ``collect_products`` has decoded them.
    """
    return _check(raw_suite(products, quarantine, rows, contract), contract.dataset, docs_dir)


def check_labels(
    labels: Iterable[pa.Table], contract: Contract, docs_dir: str | os.PathLike[str], common: Sequence[str] = ()
) -> ContractReport:
    """Parts of LABELS with group and split against the contract, each product's in one; else as ``check_raw``.

    ``common`` are the titles and images that were too frequent to join groups, in words.
    """
    return _check(label_suite(labels, contract, common), contract.dataset, docs_dir)


def check_shards(
    manifest: Manifest, root: str, sidecar: Path, contract: Contract, docs_dir: str | os.PathLike[str]
) -> ContractReport:
    """The shards of a manifest under ``root``, whose labels have a local copy ``sidecar``; else as ``check_raw``."""
    return _check(shard_suite(manifest, root, sidecar, contract), contract.dataset, docs_dir)


def check_predictions(
    predictions: Iterable[pa.Table], contract: Contract, docs_dir: str | os.PathLike[str]
) -> ContractReport:
    """Parts of PREDICTIONS, which can be gone over several times, against the contract; else as ``check_raw``."""
    return _check(prediction_suite(predictions, contract), contract.dataset, docs_dir)


def check_drift(drift: pa.Table, contract: Contract, docs_dir: str | os.PathLike[str]) -> ContractReport:
    """What ``label_drift`` found between two runs (DRIFT) against the contract; Data Docs as in ``check_raw``."""
    return _check(drift_suite(drift, contract), contract.dataset, docs_dir)


def _check(suite: Suite, dataset: str, docs_dir: str | os.PathLike[str]) -> ContractReport:
    # read when Great Expectations is imported: it may neither phone home nor draw bars into the flow's log
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with imported_on_use("altair", "scipy.stats"):  # a third of its import, for one expectation that no suite has
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
            # a page for the first slice, and for each in which one does not hold
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
