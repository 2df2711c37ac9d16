"""The loader beside MosaicML streaming, litdata and WebDataset: the same 12,000 products, one run, two workers.

``python -m tests.benchmarks.loader [--products 12000] [--rounds 3] [--workers 2] [--environments FOLDER] [--json]``.
A product is a JPEG of 256 x 256 (about 15 KB), a text of about 600 characters and its token ids. Everybody decodes with
simplejpeg and hands out batches of 64: pixels as uint8, padded token ids. Ours verifies checksums, the peers do not by
default. Each reading is a process of its own; rounds take turns; medians, ratios of the same round.
"""

import argparse
import io
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import simplejpeg
from PIL import Image

HERE = Path(__file__).parent
BATCH, SIZE, VOCABULARY = 64, 256, 8000
DISTINCT = 1000
#: torch is pinned to what the project pins, so that every loader stands on the same one.
PEERS = {"mosaicml-streaming": "0.13.0", "litdata": "0.2.76", "webdataset": "1.0.2"}
COMMON = ("torch==2.13.0", "simplejpeg==1.9.0")


def make_products(folder: Path, count: int) -> None:
    """Images, texts and token ids in ``folder``, as ``loader_peers.Products`` reads them."""
    from moemoe.batches.tokenizer import train_tokenizer

    draw = np.random.default_rng(0)
    syllables = [
        "ka",
        "shi",
        "ro",
        "mel",
        "ton",
        "vi",
        "dra",
        "lo",
        "pen",
        "su",
        "ber",
        "qui",
        "na",
        "tor",
        "el",
        "ash",
    ]
    words = ["".join(draw.choice(syllables, draw.integers(1, 5))) for _ in range(4000)]
    texts = [" ".join(draw.choice(words, 90))[:600] for _ in range(DISTINCT)]
    images = []
    for _ in range(DISTINCT):
        small = Image.fromarray(draw.integers(0, 255, (24, 24, 3), dtype=np.uint8))
        pixels = np.asarray(small.resize((SIZE, SIZE), Image.Resampling.BICUBIC)).astype(np.int16)
        pixels = (pixels + draw.integers(-6, 6, (SIZE, SIZE, 1))).clip(0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
        images.append(buffer.getvalue())
    tokens = train_tokenizer(texts, VOCABULARY)(texts)["input_ids"]
    which = [index % DISTINCT for index in range(count)]
    (folder / "images.bin").write_bytes(b"".join(images[i] for i in which))
    (folder / "texts.json").write_text(json.dumps([texts[i] for i in which]))
    np.save(folder / "tokens.npy", np.concatenate([tokens[i] for i in which]).astype(np.uint16))
    np.save(folder / "image_ends.npy", np.cumsum([0, *(len(images[i]) for i in which)]))
    np.save(folder / "token_ends.npy", np.cumsum([0, *(len(tokens[i]) for i in which)]))


def write_ours(folder: Path) -> dict:
    """Payload shards, sidecar, manifest and token files; the token ids are given, as the peers' are."""
    from moemoe.schemas import LABELS
    from moemoe.shards.dataset import ShardedDataset
    from moemoe.shards.manifest import PAYLOAD
    from moemoe.shards.tokens import Tokens
    from moemoe.shards.write import write_manifest, write_payload
    from tests.benchmarks.loader_peers import Products

    products = Products(folder)
    root = tempfile.mkdtemp(prefix="ours-", dir=folder)
    ids = [f"p{index}" for index in range(len(products))]

    def slices():
        for start in range(0, len(products), 256):
            part = [products[index] for index in range(start, min(start + 256, len(products)))]
            columns = {name: pa.nulls(len(part), PAYLOAD.field(name).type) for name in PAYLOAD.names}
            columns["product_id"] = pa.array(ids[start : start + 256])
            columns["title"] = pa.array([text for _, text, _ in part])
            columns["image"] = pa.array([image for image, _, _ in part], pa.binary())
            yield pa.table(columns, schema=PAYLOAD)

    count = len(products)
    labels = pa.table(
        [ids, ["shirt"] * count, ids, ["train"] * count, ["color"] * count, [["Red"]] * count], schema=LABELS
    )
    start = time.perf_counter()
    shards = write_payload(slices(), root)
    splits = pa.table({"key": ["x"], "split": ["train"]})
    _, uri = write_manifest(shards, [(pa.chunked_array([ids]), labels)], splits.to_batches(), root, "benchmark", "none")
    dataset = ShardedDataset(uri, folder)
    tokens = Tokens(dataset, list, "given")
    for shard in range(len(shards)):
        tokens.store(shard, [products[row][2] for row in range(*dataset.starts[shard : shard + 2])])
    seconds = time.perf_counter() - start
    (folder / "ours.txt").write_text(uri)
    return {"write": count / seconds}


def read_ours(folder: Path, workers: int, resume: bool) -> dict:
    """One epoch, or the first batch of a loader that resumes in the middle of it."""
    import torch

    from moemoe.shards.dataset import ShardedDataset
    from moemoe.shards.decode import ImageReader
    from moemoe.shards.loader import Loader
    from moemoe.shards.tokens import Tokens
    from tests.benchmarks.loader_peers import read

    start = time.perf_counter()
    dataset = ShardedDataset((folder / "ours.txt").read_text(), folder)
    images, tokens = ImageReader("benchmark"), Tokens(dataset, list, "given")

    def make(rows, epoch, pixels_IBHWC):
        [pixels_BHWC] = pixels_IBHWC
        for row, pixels_HWC in zip(rows.tolist(), pixels_BHWC, strict=True):
            images.read(dataset.image(row), str, pixels_HWC)
        texts = [tokens[row] for row in rows.tolist()]
        ids = np.zeros((len(rows), max(map(len, texts))), np.int64)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = text
        return torch.from_numpy(pixels_BHWC), torch.from_numpy(ids)

    loader = Loader(dataset, "train", BATCH, 0, make, workers=workers, image_size=SIZE)
    state = folder / "ours.state.json"
    if resume:
        loader.load_state_dict(json.loads(state.read_text()))
        next(iter(loader))
        return {"resume_seconds": time.perf_counter() - start}
    figures = read(loader, start, state)
    assert not images.quarantine.num_rows
    return figures


def decode_limit(folder: Path, threads: int) -> float:
    """Images/s of bare simplejpeg calls in ``threads`` threads, each into one buffer."""
    from tests.benchmarks.loader_peers import Products

    products = Products(folder)
    images = [products[index][0] for index in range(len(products))]

    def decode(part: list[bytes]) -> None:
        buffer = np.empty((SIZE, SIZE, 3), np.uint8)
        for image in part:
            simplejpeg.decode_jpeg(image, "RGB", fastdct=False, fastupsample=False, buffer=buffer)

    running = [threading.Thread(target=decode, args=(images[i::threads],)) for i in range(threads)]
    start = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return len(images) / (time.perf_counter() - start)


def make_environments(folder: Path) -> dict[str, list[str]]:
    """The command that starts each peer; its virtual environment is made where it is not there yet."""
    commands = {}
    for peer, version in PEERS.items():
        python = (folder / peer / "bin" / "python").absolute()
        if not python.exists():
            print(f"making {python.parents[1]} ...", file=sys.stderr, flush=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder / peer)], check=True)
            install = [str(python), "-m", "pip", "install", "-q", *COMMON, f"{peer}=={version}"]
            subprocess.run(install, check=True, stdout=sys.stderr)
        commands[peer] = [str(python), str(HERE / "loader_peers.py")]
    return commands


def measure(count: int, rounds: int, workers: int, environments: Path) -> dict:
    """Medians over the rounds, ours and the peers'."""
    ours = [sys.executable, "-m", "tests.benchmarks.loader", "--part"]
    everybody = {"ours": ours, **make_environments(environments)}
    runs: dict[str, list[dict]] = {name: [] for name in everybody}
    limits = []
    with tempfile.TemporaryDirectory(prefix="moemoe-") as name:
        folder = Path(name)
        make_products(folder, count)
        for _ in range(rounds):
            for peer, command in everybody.items():
                own: dict = {}
                for action in ("write", "read", "resume"):
                    if action != "resume" or (folder / f"{peer}.state.json").exists():
                        own |= _run([*command, action, peer, str(folder), str(workers)])
                runs[peer].append(own)
                print(peer, {k: round(v, 3) for k, v in own.items()}, file=sys.stderr, flush=True)
            limits.append(_run([*ours, "limit", "ours", str(folder), str(workers)])["limit"])

    def median(peer: str, key: str) -> float | None:
        found = [run[key] for run in runs[peer] if key in run]
        return statistics.median(found) if found else None

    def ratios(key: str) -> dict[str, float]:
        return {
            peer: round(statistics.median(a[key] / b[key] for a, b in zip(runs["ours"], runs[peer], strict=True)), 2)
            for peer in PEERS
        }

    shares = [run["samples_per_second"] / limit for run, limit in zip(runs["ours"], limits, strict=True)]
    return {
        "samples_per_second": round(median("ours", "samples_per_second") or 0),
        "vs": ratios("samples_per_second"),
        "share_of_decode_limit": round(statistics.median(shares), 3),
        "write_vs": ratios("write"),
        "first_batch_seconds": {peer: round(median(peer, "first_batch_seconds") or 0, 3) for peer in everybody},
        "resume_seconds": {peer: round(median(peer, "resume_seconds") or 0, 3) or None for peer in everybody},
        "details": {
            "products": count, "workers": workers, "decode_limit": round(statistics.median(limits)),
            "samples_per_second": {p: [round(r["samples_per_second"]) for r in own] for p, own in runs.items()},
            "samples_per_cpu_second": {p: [round(r["samples_per_cpu_second"]) for r in own] for p, own in runs.items()},
            "vs_per_cpu_second": ratios("samples_per_cpu_second"),
            "write_per_second": {p: [round(r["write"]) for r in own] for p, own in runs.items()},
        },
    }  # fmt: skip


def _run(command: list[str]) -> dict:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def part(action: str, folder: Path, workers: int) -> dict:
    """Our side of what ``loader_peers`` does for the peers."""
    if action == "write":
        return write_ours(folder)
    if action == "limit":
        return {"limit": decode_limit(folder, workers)}
    return read_ours(folder, workers, action == "resume")


def main() -> None:
    """Prints the figures, as one JSON object with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=12_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--environments", type=Path, default=Path(".venv-peers"), help="where the peers are installed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        action, _, folder, workers = arguments.part
        print(json.dumps(part(action, Path(folder), int(workers))))
        return
    figures = measure(arguments.products, arguments.rounds, arguments.workers, arguments.environments)
    if arguments.json:
        print(json.dumps(figures))
        return
    print(f"{figures['samples_per_second']:,} samples/s, {figures['share_of_decode_limit']:.0%} of bare decoding")
    for peer in PEERS:
        print(f"{peer}: reads {figures['vs'][peer]} times slower, writes {figures['write_vs'][peer]} times slower")


if __name__ == "__main__":
    main()
