"""The peers' side of ``tests.benchmarks.loader``: writes and reads the same products with one of them.

Run by each peer's own Python, where ``moemoe`` is not installed, as ``loader_peers.py ACTION PEER FOLDER WORKERS`` with
the actions write, read and resume; prints one JSON object. Each peer decodes as we do (simplejpeg), reads tokens that
were cut before, shuffles in its own way, and hands out the same batches: pixels uint8 [64, 256, 256, 3] and padded
token ids int64 [64, K].
"""

import json
import resource
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import simplejpeg
import torch

BATCH, SIZE, ROWS_PER_SHARD = 64, 256, 2048
MIDDLE = 90  # a batch in the middle of 12,000 products


class Products:
    """What ``tests.benchmarks.loader`` laid down: images, texts and token ids, end to end."""

    def __init__(self, folder: Path):
        self.images, self.tokens = (folder / "images.bin").read_bytes(), np.load(folder / "tokens.npy")
        self.texts = json.loads((folder / "texts.json").read_text())
        self.image_ends, self.token_ends = (np.load(folder / f"{n}_ends.npy").tolist() for n in ("image", "token"))

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, index):
        image = self.images[self.image_ends[index] : self.image_ends[index + 1]]
        return image, self.texts[index], self.tokens[self.token_ends[index] : self.token_ends[index + 1]]


def decoded(image, tokens):
    pixels = simplejpeg.decode_jpeg(image, "RGB", fastdct=False, fastupsample=False)
    return torch.from_numpy(pixels), np.frombuffer(tokens, np.uint16)


def collate(samples):
    ids = np.zeros((len(samples), max(len(tokens) for _, tokens in samples)), np.int64)
    for row, (_, tokens) in enumerate(samples):
        ids[row, : len(tokens)] = tokens
    return torch.stack([pixels for pixels, _ in samples]), torch.from_numpy(ids)


class Mosaic:
    def write(self, products, out):
        _declare_torchvision_operators()
        from streaming import MDSWriter

        columns = {"image": "bytes", "text": "str", "tokens": "bytes"}
        with MDSWriter(out=out, columns=columns, size_limit=1 << 25) as writer:
            for image, text, tokens in products:
                writer.write({"image": image, "text": text, "tokens": tokens.tobytes()})

    def loader(self, out, workers):
        _declare_torchvision_operators()
        from streaming import StreamingDataLoader, StreamingDataset
        from streaming.base.util import clean_stale_shared_memory

        class Decoded(StreamingDataset):
            def __getitem__(self, index):
                sample = super().__getitem__(index)
                return decoded(sample["image"], sample["tokens"])

        clean_stale_shared_memory()
        dataset = Decoded(local=out, shuffle=True, batch_size=BATCH)
        return StreamingDataLoader(dataset, batch_size=BATCH, num_workers=workers, collate_fn=collate)


class Litdata:
    def write(self, products, out):
        from litdata.streaming.cache import Cache

        cache = Cache(out, chunk_bytes=1 << 25)
        for index, (image, text, tokens) in enumerate(products):
            cache[index] = {"image": image, "text": text, "tokens": tokens.tobytes()}
        cache.done()
        cache.merge()

    def loader(self, out, workers):
        from litdata import StreamingDataLoader, StreamingDataset

        class Decoded(StreamingDataset):
            def __getitem__(self, index):
                sample = super().__getitem__(index)
                return decoded(sample["image"], sample["tokens"])

        return StreamingDataLoader(
            Decoded(out, shuffle=True), batch_size=BATCH, num_workers=workers, collate_fn=collate
        )


class Webdataset:
    def write(self, products, out):
        from webdataset import ShardWriter

        with ShardWriter(f"{out}/%05d.tar", maxcount=ROWS_PER_SHARD, verbose=0) as writer:
            for index, (image, text, tokens) in enumerate(products):
                writer.write({"__key__": f"{index:08d}", "jpg": image, "txt": text, "tokens": tokens.tobytes()})

    def loader(self, out, workers):
        import webdataset

        shards = sorted(map(str, Path(out).glob("*.tar")))
        dataset = webdataset.WebDataset(shards, shardshuffle=len(shards)).shuffle(1000)
        dataset = dataset.map(lambda sample: decoded(sample["jpg"], sample["tokens"]))
        return webdataset.WebLoader(dataset, batch_size=BATCH, num_workers=workers, collate_fn=collate)


def _declare_torchvision_operators():
    """Beside a torch for CPU, the registry's torchvision for CUDA does not import; it is not used."""
    if torch.version.cuda is None:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _kept.append(library)


_kept: list = []
PEERS = {"mosaicml-streaming": Mosaic, "litdata": Litdata, "webdataset": Webdataset}


def main(action: str, name: str, folder: Path, workers: int) -> dict:
    peer, out = PEERS[name](), folder / name
    if action == "write":
        products = Products(folder)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        start = time.perf_counter()
        peer.write((products[index] for index in range(len(products))), str(out))
        return {"write": len(products) / (time.perf_counter() - start)}
    start = time.perf_counter()
    loader = peer.loader(str(out), workers)
    state = folder / f"{name}.state.json"
    if action == "resume":
        loader.load_state_dict(json.loads(state.read_text()))
        next(iter(loader))
        return {"resume_seconds": time.perf_counter() - start}
    return {**read(loader, start, state)}


def read(loader, start: float, state: Path) -> dict:
    """Samples/s of an epoch from the first batch on, samples per CPU second of the whole; the state in its middle."""
    samples = 0
    before = cpu_seconds()
    for step, (pixels, ids) in enumerate(loader):
        assert pixels.shape[1:] == (SIZE, SIZE, 3)
        assert ids.dtype == torch.int64
        samples += len(pixels)
        if not step:
            first, first_samples = time.perf_counter(), samples
        if step == MIDDLE and hasattr(loader, "state_dict"):
            state.write_text(json.dumps(loader.state_dict()))
    rate = (samples - first_samples) / (time.perf_counter() - first)
    return {
        "samples_per_second": rate,
        "samples_per_cpu_second": samples / (cpu_seconds() - before),
        "first_batch_seconds": first - start,
    }


def cpu_seconds() -> float:
    """Of this process and of its workers that have ended."""
    own = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in own)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))))
