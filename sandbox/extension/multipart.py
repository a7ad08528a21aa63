"""S3: multipart uploads whose checksum is that of the whole object.

Stock knows composite checksums only, and keeps every part in memory, and then their join. An upload that asks for a
full-object checksum is kept here as S3 keeps it: each part is checked when it arrives, the object when it is
completed, and the bytes lie in files, with holes where they are zero.
"""

import base64
import logging
import mmap
import shutil
import struct
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement

from awscrt import checksums
from ministack.core.responses import now_iso
from ministack.services import s3

from sandbox.extension.on_disk import IN_MEMORY_BYTES, Answer, OnDisk
from sandbox.extension.pinned import Emulated, patch
from sandbox.extension.workspace import Workspace

log = logging.getLogger("marquee.s3")

MIN_PART_BYTES: Final = 5 * 1024**2
_BLOCK: Final = 1024**2
_ZEROS: Final = bytes(_BLOCK)
_TYPE: Final = "x-amz-checksum-type"
_FULL: Final = "FULL_OBJECT"
_FULL_OBJECT_ALGORITHMS: Final = ("CRC32", "CRC32C", "CRC64NVME")
_COMBINE: Final = {
    "CRC32": (checksums.combine_crc32, ">I"),
    "CRC32C": (checksums.combine_crc32c, ">I"),
    "CRC64NVME": (checksums.combine_crc64nvme, ">Q"),
}


def apply(workspace: Workspace) -> None:
    """Install the corrections.

    Parameters
    ----------
    workspace
        Where the parts and the large objects lie.
    """
    _Uploads(workspace.state / "multipart").apply()
    _compute_fast()
    _answer_ranges_of_versions()


class _Uploads:
    """The uploads with a full-object checksum."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def apply(self) -> None:
        """Stand in for stock where an upload has a full-object checksum."""
        why = "Stock has no full-object checksums, and keeps parts in memory"
        stock_create, stock_upload = s3._create_multipart_upload, s3._upload_part
        stock_complete, stock_abort = s3._complete_multipart_upload, s3._abort_multipart_upload

        def create(bucket: str, key: str, headers: dict[str, str]) -> Answer:
            return self._create(stock_create, bucket, key, headers)

        def upload_part(bucket: str, key: str, body: bytes, query: Emulated, headers: dict[str, str]) -> Answer:
            answer: Answer = stock_upload(bucket, key, body, query, headers)
            upload = self._of(query)
            if answer[0] == 200 and upload:  # noqa: PLR2004 - OK
                self._keep(upload, int(s3._qp(query, "partNumber")), body, upload_id=s3._qp(query, "uploadId"))
            return answer

        def complete(
            bucket: str, key: str, body: bytes, query: Emulated, headers: dict[str, str] | None = None
        ) -> Answer:
            upload = self._of(query)
            if not upload or (upload["bucket"], upload["key"]) != (bucket, key):
                answer: Answer = stock_complete(bucket, key, body, query, headers)
                return answer
            return self._complete(upload, body, upload_id=s3._qp(query, "uploadId"), headers=headers or {})

        def abort(bucket: str, key: str, query: Emulated) -> Answer:
            answer: Answer = stock_abort(bucket, key, query)
            if answer[0] == 204:  # noqa: PLR2004 - no content: it is gone
                shutil.rmtree(self._folder / s3._qp(query, "uploadId"), ignore_errors=True)
            return answer

        patch(s3, "_create_multipart_upload", create, why=why)
        patch(s3, "_upload_part", upload_part, why=why)
        patch(s3, "_complete_multipart_upload", complete, why=why)
        patch(s3, "_abort_multipart_upload", abort, why=why)

    @staticmethod
    def _of(query: Emulated) -> dict[str, Any] | None:
        """The upload that a request names, if it has a full-object checksum."""
        upload: dict[str, Any] | None = s3._multipart_uploads.get(s3._qp(query, "uploadId"))
        return upload if upload and upload.get("checksum_type") == _FULL else None

    def _create(self, stock: Emulated, bucket: str, key: str, headers: dict[str, str]) -> Answer:
        if headers.get(_TYPE) != _FULL:
            answer: Answer = stock(bucket, key, headers)
            return answer
        algorithm = (headers.get("x-amz-checksum-algorithm") or "").upper()
        if algorithm not in _FULL_OBJECT_ALGORITHMS:
            return _refused(
                "InvalidRequest", f"The {_FULL} checksum type cannot be used with the {algorithm or 'null'} algorithm."
            )
        before = set(s3._multipart_uploads.keys())
        status, answered, body = stock(bucket, key, headers)
        for upload_id in set(s3._multipart_uploads.keys()) - before:
            s3._multipart_uploads[upload_id]["checksum_type"] = _FULL
            (self._folder / upload_id).mkdir(parents=True)
            answered = {**answered, _TYPE: _FULL}
        return status, answered, body

    def _keep(self, upload: dict[str, Any], number: int, body: bytes, *, upload_id: str) -> None:
        """Put a part's bytes into a file; what is told of it stays in stock's record."""
        path = self._folder / upload_id / f"{number}"
        with path.open("wb") as file:
            _write_sparsely(file, body)
        upload["parts"][number]["body"] = b""
        log.info("received part %d of upload %s, %d bytes of %s", number, upload_id, len(body), upload["key"])

    def _complete(self, upload: dict[str, Any], body: bytes, *, upload_id: str, headers: dict[str, str]) -> Answer:
        bucket, key, algorithm = upload["bucket"], upload["key"], upload["checksum_algorithm"]
        refused = s3._check_put_preconditions(headers, s3._ensure_bucket(bucket).get("objects", {}).get(key))
        if refused:
            answer: Answer = refused
            return answer
        try:
            parts = _named_parts(body, upload=upload, algorithm=algorithm)
        except _PartsError as error:
            return _refused(error.code, str(error))
        size = sum(part["size"] for _, part in parts)
        checksum = _whole([(part["checksums"][algorithm], part["size"]) for _, part in parts], algorithm=algorithm)
        if headers.get(f"x-amz-checksum-{algorithm.lower()}", checksum) != checksum:
            return _refused("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")
        if int(headers.get("x-amz-mp-object-size", size)) != size:
            return _refused("InvalidRequest", f"The object has {size} bytes, not as many as x-amz-mp-object-size says.")
        joined = self._join([number for number, _ in parts], upload_id=upload_id, size=size)
        return _published(upload, upload_id=upload_id, parts=parts, joined=joined, checksum=checksum)

    def _join(self, numbers: list[int], *, upload_id: str, size: int) -> bytes | OnDisk:
        folder = self._folder / upload_id
        whole = folder.with_suffix(".object")
        with whole.open("w+b") as file:
            for number in numbers:
                part = folder / f"{number}"
                with part.open("rb") as source:
                    while block := source.read(_BLOCK):
                        _write_sparsely(file, block)
                part.unlink()
            file.truncate(size)
            file.seek(0)
            joined = OnDisk(file.fileno(), 0, access=mmap.ACCESS_READ) if size > IN_MEMORY_BYTES else file.read()
        # What is mapped lives until nothing maps it any longer, without a name.
        whole.unlink()
        shutil.rmtree(folder)
        return joined


class _PartsError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _named_parts(body: bytes, *, upload: dict[str, Any], algorithm: str) -> list[tuple[int, dict[str, Any]]]:
    """The parts that a completion names, each as it was received."""
    try:
        named = [_fields(element) for element in s3.fromstring(body).iter() if _local(element) == "Part"]
    except s3.ParseError as error:
        raise _PartsError("MalformedXML", s3._MALFORMED_XML) from error
    if not named:
        raise _PartsError("MalformedXML", s3._MALFORMED_XML)
    numbers = [int(fields["PartNumber"]) for fields in named]
    if any(first >= second for first, second in pairwise(numbers)):
        raise _PartsError("InvalidPartOrder", "The list of parts was not in ascending order.")
    parts = []
    for number, fields in zip(numbers, named, strict=True):
        part = upload["parts"].get(number)
        given = fields.get(f"Checksum{algorithm}")
        if (
            part is None
            or fields.get("ETag", "").strip('"') != part["etag"].strip('"')
            or (given and given != part["checksums"].get(algorithm))
        ):
            raise _PartsError("InvalidPart", f"One or more of the specified parts could not be found: {number}.")
        parts.append((number, part))
    if any(part["size"] < MIN_PART_BYTES for _, part in parts[:-1]):
        raise _PartsError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size.")
    return parts


def _published(
    upload: dict[str, Any],
    *,
    upload_id: str,
    parts: list[tuple[int, dict[str, Any]]],
    joined: bytes | OnDisk,
    checksum: str,
) -> Answer:
    """Make the object out of its parts, as stock does: replicas, versions, event, and an answer for a second asker."""
    bucket, key, algorithm = upload["bucket"], upload["key"], upload["checksum_algorithm"]
    digests = b"".join(bytes.fromhex(part["etag"].strip('"')) for _, part in parts)
    etag = f'"{s3.md5_hash(digests)}-{len(parts)}"'
    record = {
        "body": joined,
        "content_type": upload["content_type"],
        "content_encoding": upload.get("content_encoding"),
        "etag": etag,
        "last_modified": now_iso(),
        "size": len(joined),
        "metadata": upload["metadata"],
        "preserved_headers": upload.get("preserved_headers", {}),
        "storage_class": upload.get("storage_class") or "STANDARD",
        "parts": [{"PartNumber": number, "Size": part["size"]} for number, part in parts],
        "checksums": {algorithm: checksum},
        "checksum_type": _FULL,
    }
    objects = s3._ensure_bucket(bucket)["objects"]
    prior, objects[key] = objects.get(key), record
    del s3._multipart_uploads[upload_id]
    s3._maybe_replicate(bucket, key, record, joined)
    version = s3._record_object_version(bucket, key, prior, record, joined)
    s3._fire_s3_event_async(
        bucket, key, "s3:ObjectCreated:CompleteMultipartUpload", size=len(joined), etag=etag, version_id=version
    )
    root = Element("CompleteMultipartUploadResult", xmlns=s3.S3_NS)
    values = {"Bucket": bucket, "Key": key, "ETag": etag, f"Checksum{algorithm}": checksum, "ChecksumType": _FULL}
    for name, value in values.items():
        SubElement(root, name).text = value
    headers = {"Content-Type": "application/xml", **s3._stored_sse_headers(record)}
    answer = (200, headers | ({"x-amz-version-id": version} if version else {}), s3._xml_body(root))
    s3._completed_multipart_uploads[upload_id] = {"key": key, "response": answer}
    return answer


def _whole(parts: list[tuple[str, int]], *, algorithm: str) -> str:
    """The checksum of the parts' join, from each part's checksum and size."""
    combine, packed = _COMBINE[algorithm]
    value = 0
    for checksum, size in parts:
        value = combine(value, struct.unpack(packed, base64.b64decode(checksum))[0], size)
    return base64.b64encode(struct.pack(packed, value)).decode()


def _write_sparsely(file: Emulated, data: bytes) -> None:
    """Append `data`, leaving holes where whole blocks of it are zero."""
    for start in range(0, len(data), _BLOCK):
        block = data[start : start + _BLOCK]
        if block == (_ZEROS if len(block) == _BLOCK else bytes(len(block))):
            file.seek(len(block), 1)
        else:
            file.write(block)
    # A hole at the end counts only once the file is that long.
    file.truncate(file.tell())


def _compute_fast() -> None:
    def compute(algorithm: str, body: bytes) -> str | None:
        name = (algorithm or "").upper().replace("_", "")
        if name == "CRC64NVME":
            return base64.b64encode(struct.pack(">Q", checksums.crc64nvme(body))).decode()
        if name == "CRC32C":
            return base64.b64encode(struct.pack(">I", checksums.crc32c(body))).decode()
        computed: str | None = stock(algorithm, body)
        return computed

    stock = patch(s3, "_compute_s3_checksum", compute, why="Stock needs a second for each MB of CRC64NVME and CRC32C")


def _answer_ranges_of_versions() -> None:
    def get(bucket: str, key: str, headers: dict[str, str], query: Emulated) -> Answer:
        status, answered, body = stock(bucket, key, headers, query)
        asked = headers.get("range")
        if status != HTTPStatus.OK or not asked:
            return status, answered, body
        found = s3._parse_range(asked, len(body))
        if found is None:
            status, answered, body = s3._error("InvalidRange", "The requested range is not satisfiable", 416)
            return status, answered, body
        first, last = found
        part = {"Content-Range": f"bytes {first}-{last}/{len(body)}", "Content-Length": str(last + 1 - first)}
        # The checksum is the whole object's.
        kept = {name: value for name, value in answered.items() if not name.lower().startswith("x-amz-checksum")}
        return HTTPStatus.PARTIAL_CONTENT, {**kept, **part}, body[first : last + 1]

    stock = patch(s3, "_get_object", get, why="Stock answers a range of a named version with all of it")


def _refused(code: str, message: str) -> Answer:
    answer: Answer = s3._error(code, message, 400)
    return answer


def _local(element: Emulated) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def _fields(element: Emulated) -> dict[str, str]:
    return {_local(child): child.text or "" for child in element}
