"""Images per second from a server on loopback, ours and img2dataset's, one after the other in one run.

    python -m tests.benchmarks.fetch_images --images 2000 --rounds 3 --peer VENV/bin/python

The server is a process of its own that answers each URL with one of 50 JPEGs of the size of a shop's listing images.
img2dataset runs in its own environment (``pip install img2dataset``; ``--peer`` names its Python), with as many threads
as ours at once, re-encodes nothing, and writes plain files, as ours does; without ``--peer`` ours is measured alone.
Neither time has imports in it.
"""

import argparse
import asyncio
import io
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image

AT_ONCE = 32
PEER = """
import sys
from img2dataset import download
if __name__ == "__main__":
    download(url_list=sys.argv[1], output_folder=sys.argv[2], thread_count=int(sys.argv[3]), processes_count=1,
             output_format="files", resize_mode="no", skip_reencode=True, disable_all_reencoding=True,
             extract_exif=False)
"""


def jpegs(number: int = 50) -> list[bytes]:
    """Photos without detail of 600 x 600 px, 30 to 60 KB."""
    generator = np.random.default_rng(0)
    made = []
    for _ in range(number):
        coarse = generator.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(coarse).resize((600, 600), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
        made.append(buffer.getvalue())
    return made


class Answers(asyncio.Protocol):
    """HTTP/1.1 with connections that are kept where the client wants them."""

    def __init__(self, bodies: list[bytes]):
        self.bodies, self.received = bodies, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, self.received = self.received.partition(b"\r\n\r\n")
            body = self.bodies[int(head.split(b" ", 2)[1].strip(b"/").split(b".")[0]) % len(self.bodies)]
            closes = b"connection: close" in head.lower()
            line = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n%s\r\n"
            self.transport.write(line % (len(body), b"Connection: close\r\n" if closes else b"") + body)  # type: ignore[attr-defined]
            if closes:
                self.transport.close()


def serve(pipe: Connection) -> None:
    """Answers until the process is ended; sends the port."""

    async def run() -> None:
        bodies = jpegs()
        server = await asyncio.get_running_loop().create_server(lambda: Answers(bodies), "127.0.0.1", 0, backlog=512)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def ours(urls: list[str], folder: Path, per_host: int) -> dict[str, float]:
    """Fetches into ``folder`` as the step collect does."""
    from moemoe.catalog.download import Limits
    from moemoe.catalog.fetch_images import ImageFetcher
    from moemoe.catalog.url_images import UrlImages

    began, spent = time.perf_counter(), time.process_time()
    with ImageFetcher(UrlImages(str(folder)), True, Limits(at_once=AT_ONCE, per_host=per_host)) as fetcher:
        for future in [fetcher.fetch(url) for url in urls]:
            future.result()
    assert fetcher.fetched == len(urls)
    return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - spent}


def theirs(python: str, urls: Path, folder: Path, number: int) -> dict[str, float]:
    """The same by img2dataset, in its own environment; the seconds are those that it notes itself of its one shard."""
    command = [python, "-c", PEER, str(urls), str(folder), str(AT_ONCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    files = sum(1 for _ in folder.rglob("*.jpg"))
    if files != number:
        raise RuntimeError(f"img2dataset wrote {files} of {number} images: {done.stderr[-2000:]}")
    shards = [json.loads(path.read_text()) for path in folder.glob("*_stats.json")]
    return {"seconds": sum(shard["duration"] for shard in shards)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", help="the Python of an environment with img2dataset")
    given = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(there,), daemon=True)
    server.start()
    port = here.recv()
    with tempfile.TemporaryDirectory() as scratch:  # to the end: ext4 creates files slowly after removals
        for number in range(given.rounds):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            urls = [f"http://127.0.0.1:{port}/{i}.jpg" for i in range(given.images)]
            (folder / "urls.txt").write_text("\n".join(urls) + "\n")
            found = {f"ours, {n} per host": ours(urls, folder / f"ours-{n}", n) for n in (8, AT_ONCE)}
            if given.peer:
                found["img2dataset"] = theirs(given.peer, folder / "urls.txt", folder / "theirs", given.images)
            for name, times in found.items():
                rate = given.images / times["seconds"]
                cpu = f", {given.images / times['cpu']:.0f} per CPU second" if "cpu" in times else ""
                print(f"round {number}: {name}: {rate:.0f} images/s{cpu}", flush=True)
    server.terminate()
    if not given.peer:
        print("img2dataset: not measured (no --peer)", file=sys.stderr)
    print(f"{given.images} images, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
