"""The training loop: phases, epochs, steps; resumes exactly where its last checkpoint stands."""

import os
import time
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from moemoe.batches.batch import Batch
from moemoe.batches.collate import collator_of
from moemoe.batches.tokenizer import load_tokenizer
from moemoe.errors import MoEMoEError
from moemoe.model.config import ModelConfig
from moemoe.recipes import Recipe
from moemoe.recipes.settings import Training
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.decode import ImageReader
from moemoe.shards.hidden import Hidden
from moemoe.shards.loader import Loader, prefetch
from moemoe.shards.sampler import check_batch_size, epoch_order
from moemoe.sources import images_read
from moemoe.storage import fetch
from moemoe.systems import load_system
from moemoe.threads import at_most
from moemoe.training.checkpoints import Checkpoint, TrainingPosition, save_checkpoint
from moemoe.training.events import EventLog
from moemoe.training.items import (
    compute_image_features,
    image_buffer,
    image_size,
    item_of,
    slots_of,
    tokenize_texts,
    training_values,
)
from moemoe.training.job import TrainingJob
from moemoe.training.objective import Counts, Terms, global_counts, joint_objective
from moemoe.training.optimizers import Optimizers, make_optimizer
from moemoe.training.phases import learning_rate
from moemoe.training.preparation import Preparation
from moemoe.training.quarantine_file import QuarantineFile, gather_quarantine
from moemoe.training.stopping import TerminationSignal, stopped
from moemoe.training.tokenizer import make_tokenizer, share_tokenizer
from moemoe.training.warm_start import load_weights

EVENT_STEPS = 10
VALIDATION_PRODUCTS = 512


class Trainer:
    """One process's part of one training job. See ``TrainingJob`` for the arguments."""

    def __init__(
        self,
        job: TrainingJob,
        recipe: Recipe,
        device: torch.device,
        rank: int,
        world_size: int,
        precision: AbstractContextManager,
    ):
        check_batch_size(recipe.training.batch_size, world_size * recipe.training.accumulation)
        self.job, self.recipe, self.device, self.precision = job, recipe, device, precision
        self.rank, self.world_size = rank, world_size
        self.made_of = job.trained_on
        self.phases = recipe.phases[-1:] if job.warm_start else recipe.phases
        self.warm_start = fetch(job.warm_start, job.scratch) if job.warm_start and rank == 0 else None
        self.dataset = ShardedDataset(job.manifest_uri, job.scratch, Hidden.from_dict(job.hidden))
        folder = Path(job.scratch) / "tokenizer"
        if rank == 0:
            make_tokenizer(recipe, self.dataset, folder, self.warm_start)
        share_tokenizer(folder, rank, world_size)
        self.tokenizer = load_tokenizer(folder)
        self.system = load_system(recipe.system)
        self.config = recipe.config.with_catalog(len(self.tokenizer), training_values(self.dataset))
        self.collator = collator_of(self.system, self.tokenizer, self.config, folder)
        self.preparation = Preparation(job, rank, world_size)
        self.tokens = None
        if getattr(self.config, "question_in", None) == "decoder":  # then a context is the same whatever is asked
            self.tokens = tokenize_texts(self.dataset, self.collator, folder, self.preparation)
            self._barrier()
        self.images = ImageReader("train")
        self.quarantine = QuarantineFile(job.folder)
        local_ranks = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
        self.loader = Loader(
            self.dataset,
            "train",
            recipe.training.batch_size,
            job.seed,
            self._training_parts,
            rank,
            world_size,
            workers=max(1, min(8, (os.cpu_count() or 1) // local_ranks - 1)),
            image_size=image_size(self.config),
            images=images_read(self.config.sources),
            pinned=device.type == "cuda",
        )
        self.steps_per_epoch = len(self.loader)
        self.notice = TerminationSignal()

    def train(self) -> None:
        """Trains every phase and publishes the model; after SIGTERM it writes a checkpoint and raises MoEMoEError."""
        self.notice.listen()
        torch.manual_seed(self.job.seed)
        has_experts = isinstance(self.config, ModelConfig)  # they come after the dense phase
        model = self.system.create(replace(self.config, experts=None) if has_experts else self.config)
        self.collator.config = model.config  # with the dimensions of pretrained weights
        pretrained = self.config.text.pretrained
        if pretrained is not None and self.recipe.tokenizer != pretrained:
            model.replace_vocabulary(load_tokenizer(pretrained), self.tokenizer)
        model.to(self.device)
        self.features = compute_image_features(self.dataset, model, self.preparation)
        self._barrier()
        if self.recipe.training.gradient_checkpointing:
            model.recompute_activations()
        checkpoint = Checkpoint.find(self.job.run_uri, self.job.recipe, self.job.scratch, self.made_of)
        with at_most(self.recipe.training.threads):
            self._train_phases(model, checkpoint)
        self._publish_model(model)

    def _train_phases(self, model: Any, checkpoint: Checkpoint | None) -> None:
        """Trains what is left of the phases behind the ``checkpoint``."""
        place = checkpoint.place if checkpoint else TrainingPosition()
        if checkpoint is not None:
            self.loader.load_state_dict(checkpoint.loader)
        self.events = self._open_events(place) if self.rank == 0 else None
        for index, phase in enumerate(self.phases):
            if phase != "dense":
                torch.manual_seed(self.job.seed + 1)
                model.config = replace(model.config, experts=self.config.experts)
                model.add_experts()
                model.to(self.device)
            if index < place.phase:
                continue
            optimizer = make_optimizer(model, phase, self.recipe.training)
            if checkpoint is not None and index == place.phase:
                checkpoint.restore(model, optimizer)
            else:
                place = TrainingPosition(index, 0, 0, place.total_step)
                if self.warm_start is not None:  # rank 0's weights become everybody's
                    load_weights(model, self.warm_start)
            place = self._train_phase(model, phase, place, optimizer)

    def _train_phase(
        self, model: nn.Module, phase: str, place: TrainingPosition, optimizer: Optimizers
    ) -> TrainingPosition:
        wrapped: nn.Module = model
        if self.world_size > 1:
            devices = [self.device.index] if self.device.type == "cuda" else None
            wrapped = DistributedDataParallel(model, device_ids=devices)
        epochs = self.recipe.training.epochs_of(phase)
        bar = tqdm(
            total=epochs * self.steps_per_epoch,
            initial=place.epoch * self.steps_per_epoch + place.step,
            desc=f"{phase} phase",
            unit="step",
            disable=None if self.rank == 0 else True,
        )
        self._saved_at = time.monotonic()
        while place.epoch < epochs:
            place = self._train_epoch(model, wrapped, phase, place, optimizer, bar)
            validation = self._validate(model)
            if self.events is not None:
                self.events.append("epoch", phase=phase, epoch=place.epoch, total_step=place.total_step, **validation)
            place = replace(place, epoch=place.epoch + 1, step=0)
            self._checkpoint(place, model, optimizer)
        bar.close()
        return place

    def _train_epoch(
        self,
        model: nn.Module,
        wrapped: nn.Module,
        phase: str,
        place: TrainingPosition,
        optimizer: Optimizers,
        bar: tqdm,
    ) -> TrainingPosition:
        training, seed = self.recipe.training, self.job.seed
        wrapped.train()
        phase_steps = training.epochs_of(phase) * self.steps_per_epoch
        draw = self.loader.epoch  # over all phases: an order and targets of its own for every epoch
        watch, examples = time.monotonic(), 0
        for parts in self.loader:
            torch.manual_seed(zlib.crc32(f"{seed}:{place.total_step}:{self.rank}".encode()))  # dropout, router noise
            step = place.epoch * self.steps_per_epoch + place.step
            rate = learning_rate(training, step, phase_steps)
            for group in optimizer.param_groups:
                group["lr"] = rate * group["times"]
            optimizer.zero_grad()
            terms, counts = self._gradients(wrapped, [part.to(self.device) for part in parts])
            if not np.isfinite(terms.loss(self.recipe.load_balancing_weight)):
                raise self._not_finite(place, draw)
            optimizer.step(training.max_grad_norm)
            place = replace(place, step=place.step + 1, total_step=place.total_step + 1)
            examples += int(counts.examples)
            bar.update()
            if place.total_step % EVENT_STEPS == 0 and self.events is not None:
                per_second = examples / (time.monotonic() - watch)
                self._log_step(phase, place, terms, counts, rate, per_second)
                watch, examples = time.monotonic(), 0
            due = time.monotonic() - self._saved_at > self.job.checkpoint_seconds
            due, ending = self.notice.sync_ranks(due, self.rank, self.world_size, self.device)
            if due or ending:
                self._checkpoint(place, model, optimizer)
            if ending:
                raise stopped(place.total_step, self.job.run_uri)
        return place

    def _gradients(self, wrapped: nn.Module, parts: list[Batch]) -> tuple[Terms, Counts]:
        """Gradients of one global batch; ranks exchange them with the last part."""
        counts = global_counts(parts, self.world_size)
        terms = Terms()
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            alone = wrapped.no_sync() if isinstance(wrapped, DistributedDataParallel) and not last else nullcontext()
            with alone:
                with self.precision:
                    losses = wrapped(part)
                loss, own = joint_objective(
                    losses, counts, self.recipe.load_balancing_weight, self.world_size, len(parts)
                )
                loss.backward()
            terms += own
        return terms, counts

    def _log_step(
        self, phase: str, place: TrainingPosition, terms: Terms, counts: Counts, rate: float, per_second: float
    ) -> None:
        assert self.events is not None
        steps = sum(map(self.recipe.training.epochs_of, self.phases)) * self.steps_per_epoch
        self.events.append(
            "step",
            phase=phase,
            epoch=place.epoch,
            total_step=place.total_step,
            steps=steps,
            loss=terms.loss(self.recipe.load_balancing_weight),
            **vars(terms),
            learning_rate=rate,
            examples_per_second=per_second,
            seconds_left=(steps - place.total_step) * counts.examples / per_second,
        )

    def _training_parts(self, rows: np.ndarray, draw: int, pixels_IBHWC: np.ndarray) -> list[Batch]:
        training = self.recipe.training
        pixels = np.split(pixels_IBHWC, training.accumulation, axis=1)
        parts = zip(np.split(rows, training.accumulation), pixels, strict=True)
        views = [False] if training.second_view is None else [False, True]  # apart: padded to the short texts' length
        return [
            self._training_batch(part, draw, pixels, training, second) for part, pixels in parts for second in views
        ]

    def _training_batch(
        self,
        rows: np.ndarray,
        draw: int,
        pixels_IBHWC: np.ndarray,
        training: Training | None = None,
        second: bool = False,
    ) -> Batch:
        make = partial(item_of, self.dataset, config=self.config, seed=self.job.seed, draw=draw, images=self.images)
        slots = [slots_of(pixels_IBHWC, index) for index in range(len(rows))]
        features = self.features.of(rows.tolist()) if self.features is not None else None
        items = [
            make(row, slots=own, tokens=self.tokens, training=training, features=known, second=second)
            for row, own, known in zip(rows.tolist(), slots, features or repeat(None, len(rows)), strict=True)
        ]
        return self.collator(items)

    @torch.inference_mode()
    def _validate(self, model: nn.Module) -> dict[str, float]:
        """Losses on a fixed part of the validation split, the same on every rank."""
        model.eval()
        rows = epoch_order(self.dataset.rows("validation"), self.job.seed, 0)[:VALIDATION_PRODUCTS]
        size = self.recipe.training.batch_size
        chunks: Iterator[np.ndarray] = (rows[i : i + size] for i in range(0, len(rows), size))
        cross_entropy, tokens = 0.0, 0.0

        def make(chunk: np.ndarray) -> Batch:
            return self._training_batch(chunk, 0, image_buffer(self.config, len(chunk)))

        for batch in prefetch(make, chunks):
            with self.precision:
                losses = model(batch.to(self.device))
            cross_entropy += losses.cross_entropy.item()
            tokens += losses.tokens.item()
        return {"validation_cross_entropy": cross_entropy / tokens} if tokens else {}

    def _open_events(self, place: TrainingPosition) -> EventLog:
        """The events up to ``place``; on a machine that has none, those that were published with the checkpoint."""
        path, published = self.job.events_path, self.job.folder.events
        if place.total_step and not path.is_file() and published.exists():
            path.write_text(published.read_text())
        return EventLog(path, place.total_step)

    def _checkpoint(self, place: TrainingPosition, model: nn.Module, optimizer: Optimizers) -> None:
        self._saved_at = time.monotonic()
        images = self.quarantine.record(gather_quarantine(self.images.quarantine, self.world_size), self.rank)
        if images and self.events is not None:
            self.events.append("quarantined", total_step=place.total_step, images=images)
        if self.rank == 0:
            self.job.folder.events.publish(self.job.events_path)
            state = self.loader.state_dict()
            save_checkpoint(self.job.run_uri, place, state, self.job.recipe, model, optimizer, self.made_of)
        self._barrier()

    def _not_finite(self, place: TrainingPosition, draw: int) -> MoEMoEError:
        rows = self.loader.global_batch(draw, place.step)
        ids = ", ".join(self.dataset.product_id(row) for row in rows[:10])
        return MoEMoEError(
            f"the loss is not finite at step {place.total_step} (products {ids}, ...); "
            f"the last good checkpoint is under {self.job.run_uri}"
        )

    def _publish_model(self, model: Any) -> None:
        if self.rank == 0:
            folder = Path(self.job.scratch) / "model"
            model.save_pretrained(folder)
            self.collator.save_tokenizers(folder)
            self.job.folder.events.publish(self.job.events_path)
            self.job.folder.model.publish(folder)
        self._barrier()

    def _barrier(self) -> None:
        if self.world_size > 1:
            dist.barrier()
