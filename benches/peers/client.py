"""The script that one would write: the rows of a CSV as PATCH requests, 64 at a time, and a line of result each.

client.py URL INPUT RESULT [CA.pem]"""

import asyncio
import csv
import ssl
import sys

import aiohttp

CONCURRENCY = 64


async def work(session, url, rows, result):
    for row in rows:
        async with session.patch(url, data=row) as response:
            answer = await response.text()
            result.writerow([row["customer_id"], response.status, answer])


async def main(url, source, target, authority=None):
    headers = {"api-username": "bench", "api-key": "bench"}
    connector = aiohttp.TCPConnector(limit=CONCURRENCY, ssl=ssl.create_default_context(cafile=authority))
    with open(source, newline="", encoding="utf-8") as read, open(target, "w", newline="", encoding="utf-8") as write:
        rows, result = csv.DictReader(read), csv.writer(write)
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
            await asyncio.gather(*(work(session, url, rows, result) for _ in range(CONCURRENCY)))


asyncio.run(main(*sys.argv[1:]))
