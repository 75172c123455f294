"""The program against other implementations: OpenSSL, and the cryptography package of Python.

Everything here is written from the documentation of the formats, not from the Rust code.
Usage: interoperability.py PUFLAB, with PUFLAB_SHARED naming the folder of golden values if there is one.
"""

import hashlib
import hmac
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PUFLAB = str(Path(sys.argv[1]).resolve())
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def puflab(*arguments, exit=0, cwd=None):
    run = subprocess.run([PUFLAB, *arguments], capture_output=True, text=True, cwd=cwd)
    assert run.returncode == exit, (arguments, run.returncode, run.stderr)
    return run.stdout


def document(*arguments, exit=0, cwd=None):
    return json.loads(puflab(*arguments, "--format", "json", exit=exit, cwd=cwd))["results"]


def openssl(*arguments, cwd):
    run = subprocess.run(["openssl", *arguments], capture_output=True, text=True, cwd=cwd)
    assert run.returncode == 0, (arguments, run.stdout, run.stderr)
    return run.stdout + run.stderr


def certificates(place):
    """OpenSSL and Python verify what a device signs, and read out of it who it is."""
    info = document("device", "info", "chip", cwd=place)
    for name, extra in [("chip.pem", []), ("chip.csr", ["--request"])]:
        puflab("device", "certificate", "chip", *extra, "--output", name, cwd=place)
    verified = openssl("verify", "-check_ss_sig", "-x509_strict", "-CAfile", "chip.pem", "chip.pem", cwd=place)
    assert "chip.pem: OK" in verified, verified
    text = openssl("x509", "-in", "chip.pem", "-noout", "-text", cwd=place)
    for words in ["ecdsa-with-SHA256", "Dec 31 23:59:59 9999 GMT", "Digital Signature", "CA:FALSE", "NIST CURVE: P-256"]:
        assert words in text, (words, text)
    assert "verify OK" in openssl("req", "-in", "chip.csr", "-noout", "-verify", cwd=place)

    certificate = x509.load_pem_x509_certificate((place / "chip.pem").read_bytes())
    certificate.verify_directly_issued_by(certificate)
    request = x509.load_pem_x509_csr((place / "chip.csr").read_bytes())
    assert request.is_signature_valid
    for key in [certificate.public_key(), request.public_key()]:
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        assert point.hex() == info["public_key"]
        assert hashlib.sha256(point).hexdigest()[:40] == info["device_id"]
    key_id = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert key_id.hex() == info["device_id"]
    name = certificate.subject.rfc4514_string()
    assert info["device_id"] in name, name


def helper_data(place):
    """The public blob, decoded from its documentation."""
    blob = (place / "chip" / "helper.bin").read_bytes()
    info = document("device", "info", "chip", cwd=place)
    magic, version, length, sketch, kdf, counter = struct.unpack(">4sHIBBI", blob[:16])
    assert (magic, version, length, kdf, counter) == (b"PUFH", 1, len(blob), 1, 1)
    assert {1: "code-offset", 2: "syndrome"}[sketch] == info["sketch"]
    assert blob[16:48] == bytes.fromhex(info["serial"]) + bytes(16)
    code = blob[81 : 81 + blob[80]].decode("ascii")
    assert code == info["code"]
    (bits,) = struct.unpack(">I", blob[81 + blob[80] :][:4])
    assert len(blob) == 85 + blob[80] + (bits + 7) // 8 + 32
    code_info = document("code", "info", code)
    assert bits == (code_info["n"] if sketch == 1 else code_info["n"] - code_info["k"])


def keys_of_a_known_reading(place):
    """A device on a die whose power-ups this script wrote: every secret recomputed from the documentation."""
    bits = [[bit ^ (readout > 0 and (37 * i + 11 * readout) % 97 == 0) for i, bit in enumerate(fair_bits(2226))]
            for readout in range(4)]
    (place / "die.csv").write_text("".join(",".join(str(int(bit)) for bit in row) + "\n" for row in bits))
    for sketch in ["code-offset", "syndrome"]:
        puflab("device", "new", sketch, "--readouts", "die.csv", "--sketch", sketch, cwd=place)
        puflab("device", "enroll", sketch, cwd=place)
        blob = (place / sketch / "helper.bin").read_bytes()
        reading = packed(bits[0])
        prk = hmac.digest(blob[48:80], reading, "sha256")
        context = hashlib.sha256(blob[:-32]).digest()
        expand = lambda key, label, tail: HKDFExpand(hashes.SHA256(), 32, b"puflab/1 " + label + b"\0" + tail).derive(key)
        assert expand(prk, b"helper-data tag", context) == blob[-32:], "the tag"
        root = expand(prk, b"root key", context)
        scalar = next(
            x for i in range(256)
            if 0 < (x := int.from_bytes(expand(root, b"P-256 device key candidate", bytes([i])), "big")) < ORDER
        )
        point = ec.derive_private_key(scalar, ec.SECP256R1()).public_key()
        point = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        assert point.hex() == document("device", "info", sketch, cwd=place)["public_key"]
        assert document("device", "power-cycle", sketch, "--times", "3", cwd=place)["rebuilt"] == 3


def fair_bits(count):
    digest = b"".join(hashlib.sha256(bytes([i])).digest() for i in range(count // 256 + 1))
    return [digest[i // 8] >> (i % 8) & 1 for i in range(count)]


def packed(bits):
    padded = bits + [0] * (-len(bits) % 8)
    return bytes(int("".join(str(int(bit)) for bit in padded[i : i + 8]), 2) for i in range(0, len(padded), 8))


def read_frame(connection):
    def exactly(count):
        taken = b""
        while len(taken) < count:
            more = connection.recv(count - len(taken))
            assert more, "the device closed"
            taken += more
        return taken

    (length,) = struct.unpack(">I", exactly(4))
    return exactly(length)


def send_frame(connection, body):
    connection.sendall(struct.pack(">I", len(body)) + body)


def protocol(place):
    """A verifier of twenty lines, written from the layout of the messages."""
    device = subprocess.Popen(
        [PUFLAB, "device", "serve", "chip", "--tcp", "127.0.0.1:0", "--sessions", "2"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=place,
    )
    address = None
    for line in device.stderr:
        if "listening on tcp " in line:
            host, port = line.split("listening on tcp ")[1].strip().rsplit(":", 1)
            address = (host, int(port))
            break
    info_key = None
    for nonce in [bytes(range(32)), os.urandom(32)]:
        with socket.create_connection(address, timeout=10) as connection:
            send_frame(connection, b"\x01\x00\x01")
            identity = read_frame(connection)
            assert identity[:3] == b"\x02\x00\x01" and len(identity) == 3 + 20 + 65
            device_id, point = identity[3:23], identity[23:]
            assert hashlib.sha256(point).digest()[:20] == device_id
            assert info_key in (None, point)
            info_key = point
            verifier_id = b"\xab" * 32
            send_frame(connection, b"\x03\x00\x01" + verifier_id + device_id + nonce)
            evidence = read_frame(connection)
            assert evidence[:3] == b"\x04\x00\x01" and len(evidence) == 3 + 32 + 20 + 32 + 64
            assert evidence[3:87] == verifier_id + device_id + nonce
            r = int.from_bytes(evidence[87:119], "big")
            s = int.from_bytes(evidence[119:], "big")
            assert 0 < r < ORDER and 0 < s <= ORDER // 2, "in range, and the low s"
            signed = (
                b"puflab device evidence\0\0" + b"\x00\x01" + b"verifier" + verifier_id
                + b"device\0\0" + device_id + nonce
            )
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            signature = encode_dss_signature(r, s)
            key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
            try:
                key.verify(signature, signed[:-1] + b"\x00", ec.ECDSA(hashes.SHA256()))
                raise AssertionError("a signature that fits every message")
            except InvalidSignature:
                pass
            send_frame(connection, b"\x06\x01")
    assert device.wait(timeout=20) == 0, "the device ends after its two sessions"


def golden_codes(shared):
    """Every word of the golden BCH and Golay files, through `puflab code`."""
    words = 0
    for code in json.loads((shared / "golden/codes/bch_vectors.json").read_text())["codes"]:
        name = f"bch({code['n']},{code['k']},{code['t']})"
        assert document("code", "info", name)["generator"] == code["generator_hex"]
        for case in code["cases"]:
            words += 1
            encoded = document("code", "encode", name, case["message_hex"])
            assert encoded["codeword"] == case["codeword_hex"], (name, case)
            expect = case["expect"]
            failed = expect["result"] == "fail"
            decoded = document("code", "decode", name, case["received_hex"], exit=1 if failed else 0)
            assert decoded["failure"] == failed, (name, case)
            if not failed:
                found = (decoded["message"], decoded["corrected"])
                assert found == (expect["message_hex"], expect["corrected"]), (name, case)
    for row in (shared / "golden/bch_params.csv").read_text().split()[1:]:
        _, n, k, t = row.split(",")
        info = document("code", "info", f"bch({n},{k},{t})")
        assert (info["n"], info["k"], info["t"]) == (int(n), int(k), int(t)), row
        words += 1
    golay = json.loads((shared / "golden/codes/golay.json").read_text())
    for example in golay["codes"][0]["examples"]:
        for name, key in [("golay(23,12)", "codeword_23_hex"), ("golay(24,12)", "codeword_24_hex")]:
            encoded = document("code", "encode", name, example["message_hex"])
            assert encoded["codeword"] == example[key], (name, example)
            words += 1
    return words


def main():
    checks = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for code, sketch in [("rep(7)*bch(318,174,17)", "code-offset"), ("bch(127,64,10)^16", "syndrome")]:
            puflab("device", "new", "chip", "--code", code, "--sketch", sketch, "--ber", "0.02", cwd=place)
            puflab("device", "enroll", "chip", cwd=place)
            for check in [certificates, helper_data, protocol]:
                check(place)
                checks += 1
                print(f"{check.__name__}: {code} {sketch}: agreed")
            subprocess.run(["rm", "-r", str(place / "chip")], check=True)
        keys_of_a_known_reading(place)
        checks += 1
        print("keys of a known reading: agreed")
    shared = Path(os.environ.get("PUFLAB_SHARED", "../shared"))
    if shared.is_dir():
        print(f"golden words through `puflab code`: {golden_codes(shared)} agreed")
        checks += 1
    else:
        print(f"LEFT OUT: no {shared}, golden words through `puflab code`")
    print(f"{checks} passed, 0 failed")


main()
