#!/usr/bin/env python3
"""HTTP targets of which each takes its own time: uneven_backend.py CONCURRENCY SIGMA PORT=MILLISECONDS ...

The time of a request is lognormal, by its median and sigma, while no more than CONCURRENCY are worked on: what scenarios call
`"service": {"lognormal": {...}}` and `"concurrency"` (docs/scenarios.md), on real sockets.
"""

import asyncio
import math
import random
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Target:
    def __init__(self, median, sigma, concurrency, seed):
        self.median, self.sigma = median, sigma
        self.places = asyncio.Semaphore(concurrency)
        self.random = random.Random(seed)

    async def serve(self, reader, writer):
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                async with self.places:
                    await asyncio.sleep(self.median / 1000 * math.exp(self.random.gauss(0, self.sigma)))
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def main():
    concurrency, sigma = int(sys.argv[1]), float(sys.argv[2])
    for seed, each in enumerate(sys.argv[3:]):
        port, median = each.split("=")
        target = Target(float(median), sigma, concurrency, seed)
        await asyncio.start_server(target.serve, "127.0.0.1", int(port), backlog=1024)
    await asyncio.Event().wait()


asyncio.run(main())
