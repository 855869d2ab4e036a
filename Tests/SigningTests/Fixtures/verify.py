"""Runs the verifier that is published with the webhook contract, word for word, over cases from a file.

Usage: verify.py CASES, where CASES has one JSON object a line: {"header", "body" (hex), "secret"}. Prints True or False for
each.
"""
import json
import sys

import hashlib, hmac
def verify(headers, raw_body: bytes, secret: str) -> bool:
    t, v1 = (kv.split("=", 1)[1] for kv in headers["X-IC-Signature"].split(","))
    expected = hmac.new(secret.encode(), f"{t}.".encode() + raw_body,
                        hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, v1)


with open(sys.argv[1]) as cases:
    for line in cases:
        case = json.loads(line)
        print(verify({"X-IC-Signature": case["header"]}, bytes.fromhex(case["body"]), case["secret"]))
