"""Answers per second beside TF-IDF's and a plain transformers T5's, and beside what the arithmetic alone would take.

``python -m tests.benchmarks.answering --run .moemoe/runs/RUN [--products 128] [--repeats 3] [--attributes 8 15 38]
[--json]``

The run is one of a MoEMoE model that TrainFlow left under its root. Test products are asked their type's attributes by
(a) ``Predictor.answer``; (b) TF-IDF fitted to 2,000 training products; (c) ``T5ForConditionalGeneration.generate`` of
the same widths and layers, a prompt "question | text" per question, greedy, in batches of 64. (c) has no image and
random weights, so it always generates 3 tokens: what most answers have with their end. They take turns in one process.

Ideal: seconds that the model's matrix products would take on one core at the peak measured in the same run (512 x 128
times 128 x 128, which stays in its cache), two operations a multiply and add, of real tokens alone: the text once a
product, question and answer tokens once a question, attention over the text's real positions. ``of_ideal`` is ideal /
CPU seconds. CPU seconds are the process's, so other work on the machine counts little; wall seconds are given too.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import T5Config, T5ForConditionalGeneration

from moemoe.batches.collate import ModelInput
from moemoe.contract.load import load_contract
from moemoe.inference.predictor import Predictor, product_question
from moemoe.model.config import expert_layers
from moemoe.shards.dataset import ShardedDataset
from moemoe.systems import load_system

GENERATED, T5_BATCH, FITTED_PRODUCTS = 3, 64, 2000


def peak() -> float:
    """Operations a second of a matrix product that stays in the cache, one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    a, b = torch.randn(512, 128), torch.randn(128, 128)
    seconds = []
    for _ in range(200):
        start = time.thread_time()
        a @ b
        seconds.append(time.thread_time() - start)
    torch.set_num_threads(threads)
    return 2 * 512 * 128 * 128 / statistics.median(seconds)


def operations(predictor: Predictor, questions: list, answers: list) -> float:
    """Operations of the model's matrix products for real tokens; those of the image encoder are left out."""
    config, collator = predictor.model.config, predictor.collator
    text = config.text
    D, W, total = text.d_model, text.num_heads * text.d_kv, 0.0
    experts = config.experts
    of_experts = set(expert_layers(experts.decoder, text.decoder_layers)) if experts else set()
    gates = 2 if text.feed_forward_proj.startswith("gated") else 1
    feed = 2 * D * text.d_ff * (1 + gates)
    for question, given in zip(questions, answers, strict=True):
        [ids] = collator.encode([question.context])
        L, P = len(ids), predictor.model.image_encoder.shape[0] if predictor.model.image_encoder else 0
        total += text.context_layers * L * (8 * D * W + 4 * L * W + feed)
        total += text.decoder_layers * (L + P) * 4 * D * W
        for name, answer in zip(question.attributes, given, strict=True):
            prefix = len(collator.tokenizer(name)["input_ids"]) + 1
            read = max(len(collator.tokenizer(answer.value)["input_ids"]) - 1, 0)
            for layer in range(text.decoder_layers):
                both = feed * (experts.top_k if experts and layer in of_experts else 1)
                own = 4 * D * W  # keys and values; of a question's tokens the last layer needs no more, but of the last
                rest = 4 * D * W + 4 * D * W + 4 * L * W + both
                full = 1 + read if layer == text.decoder_layers - 1 else prefix + read
                total += (prefix + read) * own + full * rest
            total += (1 + read) * 2 * D * text.vocab_size
    return total


def plain_t5(predictor: Predictor, questions: list) -> Callable[[], int]:
    """Transformers' own pipeline over one prompt per question; the number of answers."""
    text = predictor.model.config.text
    torch.manual_seed(0)
    model = T5ForConditionalGeneration(
        T5Config(
            vocab_size=text.vocab_size, d_model=text.d_model, d_kv=text.d_kv, d_ff=text.d_ff,
            num_layers=text.context_layers, num_decoder_layers=text.decoder_layers, num_heads=text.num_heads,
            feed_forward_proj=text.feed_forward_proj, decoder_start_token_id=0,
        )
    ).eval()  # fmt: skip
    model.config.num_layers = text.decoder_layers  # generate makes its cache for so many layers
    tokenizer, length = predictor.collator.tokenizer, predictor.model.config.context_length
    prompts = [f"{name} | {question.context}" for question in questions for name in question.attributes]

    def answer() -> int:
        texts: list[str] = []
        for start in range(0, len(prompts), T5_BATCH):
            asked = prompts[start : start + T5_BATCH]
            batch = tokenizer(asked, truncation=True, max_length=length, padding=True, return_tensors="pt")
            with torch.inference_mode():
                tokens = model.generate(
                    input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], do_sample=False,
                    min_new_tokens=GENERATED, max_new_tokens=GENERATED,
                )  # fmt: skip
            texts += tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return len(texts)

    return answer


def tf_idf(dataset: ShardedDataset) -> Predictor:
    """TF-IDF fitted to some training products."""
    system = load_system("tf-idf")
    products = [dataset[int(row)] for row in dataset.rows("train")[:FITTED_PRODUCTS]]
    config = system.config_class().with_catalog(
        0, {name: sorted(c) for name, c in dataset.value_counts("train").items()}
    )
    items = [ModelInput([p.context], list(p.values), [gold[0] for gold in p.values.values()]) for p in products]
    return Predictor(system.fit(config, items, 0), system.collator_class(None, config))


def measure(contenders: dict[str, Callable[[], object]], repeats: int) -> dict[str, dict[str, float]]:
    """Least CPU and wall seconds of each, which take turns, after a first turn that does not count."""
    cpu, wall = defaultdict(list), defaultdict(list)
    for turn in range(repeats + 1):
        for name, call in contenders.items():
            start, used = time.perf_counter(), time.process_time()
            call()
            if turn:
                wall[name].append(time.perf_counter() - start)
                cpu[name].append(time.process_time() - used)
    return {name: {"cpu_seconds": min(cpu[name]), "wall_seconds": min(wall[name])} for name in contenders}


def rates(found: dict[str, float], products: int, answers: int) -> dict[str, float]:
    used = found["cpu_seconds"]
    return {**found, "products_per_cpu_second": products / used, "answers_per_cpu_second": answers / used}


def main() -> None:
    """Prints the figures, as one JSON object on one line with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--products", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--attributes", type=int, nargs="*", default=[8, 15, 38])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    run = arguments.run.absolute()
    contract = load_contract(run / "contract.yaml")
    predictor = Predictor.load(run / "model", values=contract.canonical_values())
    [manifest] = sorted((run.parents[1] / "shards").glob("*/manifest.json"))[-1:]
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        dataset = ShardedDataset(str(manifest), Path(scratch))
        rows = dataset.rows("test")[: arguments.products].tolist()
        products, features = [dataset[row] for row in rows], predictor.image_features(dataset)
        known = [features[row] if features is not None else None for row in rows]
        asked = [product_question(product, own) for product, own in zip(products, known, strict=True)]
        of_type: dict[str, set[str]] = defaultdict(set)
        for product in products:
            of_type[product.product_type] |= set(product.values)
        for product, question in zip(products, asked, strict=True):
            question.attributes = sorted(of_type[product.product_type])
        fitted = tf_idf(dataset)
        answers = sum(len(question.attributes) for question in asked)
        figures: dict = {"threads": torch.get_num_threads(), "products": len(asked), "answers": answers}
        calls = {
            "ours": lambda: predictor.answer(asked),
            "tf-idf": lambda: fitted.answer(asked),
            "transformers T5": plain_t5(predictor, asked),
        }
        found = measure(calls, arguments.repeats)
        figures |= {name: rates(found[name], len(asked), answers) for name in calls}
        names = sorted(contract.attributes)
        for number in arguments.attributes:
            for question in asked:
                question.attributes = names[:number]
            given = predictor.answer(asked)
            rate = peak()
            own = measure({"ours": calls["ours"]}, arguments.repeats)["ours"]
            ideal = operations(predictor, asked, given) / rate
            figures[f"{min(number, len(names))} attributes"] = {
                **rates(own, len(asked), len(asked) * min(number, len(names))),
                "peak_gflops": rate / 1e9, "ideal_cpu_seconds": ideal, "of_ideal": ideal / own["cpu_seconds"],
            }  # fmt: skip

    def rounded(value: object) -> object:
        if isinstance(value, dict):
            return {name: rounded(part) for name, part in value.items()}
        return round(value, 2) if isinstance(value, float) else value

    print(json.dumps(rounded(figures), indent=None if arguments.json else 2))


if __name__ == "__main__":
    main()
