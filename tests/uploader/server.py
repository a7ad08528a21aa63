"""A server that keeps what it is sent, and misbehaves as it is told: the upload API and S3 in one."""

from __future__ import annotations

import base64
import json
import struct
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import parse_qs, urlsplit

from awscrt import checksums

from lambdas.ingestion.parts import MIB, plan_parts

PART = 5 * MIB


def crc(data):
    return base64.b64encode(struct.pack(">Q", checksums.crc64nvme(data))).decode()


@dataclass
class Server:
    """What has arrived, and what was asked for.

    `faults` holds, by part or by API path, what happens the next times instead of the usual: a status with its body,
    or ``drop``, which cuts the connection in the middle.
    """

    faults: dict = field(default_factory=dict)
    uploads: dict = field(default_factory=dict)
    stored: bytes | None = None
    puts: list = field(default_factory=list)
    asked: Counter = field(default_factory=Counter)
    tokens: list = field(default_factory=list)
    url: str = ""
    lock: Lock = field(default_factory=Lock)

    def fault(self, what):
        with self.lock:
            waiting = self.faults.get(what)
            return waiting.pop(0) if waiting else None

    def answer(self, method, path, query, body):
        """The answer of the API: status, JSON."""
        parts = path.removeprefix("/api/ingest/uploads").strip("/").split("/")
        size = int(query.get("size_bytes", 0)) or (body or {}).get("size_bytes")
        if method == "GET" and parts == [""]:
            stored = {"size_bytes": len(self.stored), "checksum": crc(self.stored)} if self.stored is not None else None
            uploads = [{"upload_id": upload_id} for upload_id in self.uploads]
            return 200, {
                "part_bytes": plan_parts(size, least_bytes=PART).part_bytes,
                "uploads": uploads,
                "stored": stored,
            }
        if method == "POST" and parts == [""]:
            self.uploads["u-1"] = {}
            return 201, {"upload_id": "u-1"}
        upload = self.uploads.get(parts[0])
        if upload is None:
            return 404, {"detail": "there is no such upload"}
        if method == "GET":
            page = sorted(number for number in upload if number > int(query["after"]))[:2]
            more = page and max(upload) > page[-1]
            told = [{"number": n, "size_bytes": len(upload[n]), "checksum": crc(upload[n])} for n in page]
            return 200, {"parts": told, "next_after": page[-1] if more else None}
        if parts[1] == "parts":
            with self.lock:
                self.asked["presigned"] += len(body["parts"])
            targets = [
                {
                    "number": part["number"],
                    "url": f"{self.url}/s3/{parts[0]}/{part['number']}",
                    "headers": {
                        "content-length": str(part["size_bytes"]),
                        "x-amz-checksum-crc64nvme": part["checksum"],
                    },
                }
                for part in body["parts"]
            ]
            return 200, {"parts": targets}
        whole = b"".join(upload[number] for number in range(1, body["parts"] + 1))
        if crc(whole) != body["checksum"]:
            return 409, {"detail": "the parts are not the file"}
        self.stored = whole
        del self.uploads[parts[0]]
        return 200, {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def _api(self):
        kept = self.server.kept
        url = urlsplit(self.path)
        length = int(self.headers.get("content-length", 0))
        raw = self.rfile.read(length)
        kept.tokens.append(self.headers.get("authorization"))
        fault = kept.fault(f"{self.command} {url.path}")
        if fault == "drop":
            self.close_connection = True
            return
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        status, answer = fault or kept.answer(self.command, url.path, query, json.loads(raw) if raw else None)
        self._send(status, answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    do_GET = do_POST = _api  # noqa: N815 - as the library calls them

    def do_PUT(self):
        kept = self.server.kept
        _, _, upload_id, number = self.path.split("/")
        fault = kept.fault(int(number))
        if fault == "drop":
            self.rfile.read(MIB)
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers["content-length"]))
        with kept.lock:
            kept.puts.append(int(number))
        if fault:
            self._send(*fault)
        elif crc(body) != self.headers["x-amz-checksum-crc64nvme"]:
            self._send(400, b"<Error><Code>BadDigest</Code></Error>")
        else:
            kept.uploads[upload_id][int(number)] = body
            self._send(200, b"")

    def _send(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, kept):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kept = kept
        kept.url = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def running():
    kept = Server()
    http = _Http(kept)
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kept
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
