"""Content keys on their way to a packager, encrypted for the holders of its certificates (CPIX 2.3, 5.3).

Each recipient is given the document key, by which all content keys are encrypted (AES-256-CBC), and the key of the
message authentication code over them (HMAC-SHA512); both are encrypted for the RSA key of its certificate.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from lambdas.common.errors import FieldError, InvalidInputError
from lambdas.playback.cpix import CPIX, ENC, PSKC

AES = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"
OAEP = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
MAC = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512"

_LEAST_RSA_BITS = 2048
_BLOCK_BITS = 128


def fingerprint(certificate: bytes) -> str:
    """Return how a certificate (DER) is called: the SHA-256 of it, in hexadecimal."""
    return hashlib.sha256(certificate).hexdigest()


def public_key(certificate: bytes, *, now: datetime) -> rsa.RSAPublicKey:
    """Return the key of a recipient's certificate (DER).

    Raises
    ------
    InvalidInputError
        If it is no certificate, is not valid now, or its key is not RSA of at least 2048 bits.
    """
    try:
        found = x509.load_der_x509_certificate(certificate)
        key = found.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _refused("is no X.509 certificate in DER") from error
    if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
        raise _refused("is not valid now: send one whose time has come and is not over")
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _LEAST_RSA_BITS:
        raise _refused(f"has no RSA key of at least {_LEAST_RSA_BITS} bits, as SPEKE asks for")
    return key


class Delivery:
    """The keys that one answer is encrypted with; they are made for it, and nowhere else."""

    def __init__(self, recipients: Sequence[rsa.RSAPublicKey]) -> None:
        self._recipients = recipients
        self._document_key, self._mac_key = secrets.token_bytes(32), secrets.token_bytes(64)

    def secret(self, key: bytes) -> list[Element]:
        """Return a content key, encrypted, as ``pskc:Secret`` holds it, with its code."""
        iv = secrets.token_bytes(_BLOCK_BITS // 8)
        padder, encryptor = (
            PKCS7(_BLOCK_BITS).padder(),
            Cipher(algorithms.AES(self._document_key), modes.CBC(iv)).encryptor(),
        )
        padded = padder.update(key) + padder.finalize()
        return self._encrypted(iv + encryptor.update(padded) + encryptor.finalize(), algorithm=AES)

    def introduce(self, root: Element) -> None:
        """Write the document key and the code's key into each of the document's recipients."""
        recipients = root.findall(f"{{{CPIX}}}DeliveryDataList/{{{CPIX}}}DeliveryData")
        for recipient, key in zip(recipients, self._recipients, strict=True):
            for name in ("DocumentKey", "MACMethod"):
                for known in recipient.findall(f"{{{CPIX}}}{name}"):
                    recipient.remove(known)
            document_key = SubElement(recipient, f"{{{CPIX}}}DocumentKey", Algorithm=AES)
            secret = SubElement(SubElement(document_key, f"{{{CPIX}}}Data"), f"{{{PSKC}}}Secret")
            secret.extend(self._encrypted(_wrapped(self._document_key, key), algorithm=OAEP))
            method = SubElement(recipient, f"{{{CPIX}}}MACMethod", Algorithm=MAC)
            mac_key = SubElement(method, f"{{{CPIX}}}Key")
            mac_key.extend(self._encrypted(_wrapped(self._mac_key, key), algorithm=OAEP))

    def _encrypted(self, ciphertext: bytes, *, algorithm: str) -> list[Element]:
        value = Element(f"{{{PSKC}}}EncryptedValue")
        SubElement(value, f"{{{ENC}}}EncryptionMethod", Algorithm=algorithm)
        text = SubElement(SubElement(value, f"{{{ENC}}}CipherData"), f"{{{ENC}}}CipherValue")
        text.text = base64.b64encode(ciphertext).decode()
        code = Element(f"{{{PSKC}}}ValueMAC")
        code.text = base64.b64encode(hmac.digest(self._mac_key, ciphertext, "sha512")).decode()
        return [value, code]


def _wrapped(secret: bytes, key: rsa.RSAPublicKey) -> bytes:
    # SHA-1 is what the algorithm's name means (XML Encryption, 5.5.2); OAEP does not need it to resist collisions.
    sha1 = hashes.SHA1()  # noqa: S303 - the same
    return key.encrypt(secret, padding.OAEP(mgf=padding.MGF1(algorithm=sha1), algorithm=sha1, label=None))


def _refused(why: str) -> InvalidInputError:
    return InvalidInputError(FieldError("DeliveryData", f"the X509Certificate of a recipient {why}"))
