"""Runs the verifier of the package `standardwebhooks` over cases from a file.

Usage: standard_webhooks.py CASES, where CASES has one JSON object a line: {"id", "timestamp", "signature", "body" (hex),
"secret"}. Prints True or False for each.
"""
import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

with open(sys.argv[1]) as cases:
    for line in cases:
        case = json.loads(line)
        headers = {
            "webhook-id": case["id"],
            "webhook-timestamp": case["timestamp"],
            "webhook-signature": case["signature"],
        }
        try:
            Webhook(case["secret"]).verify(bytes.fromhex(case["body"]), headers)
            print(True)
        except WebhookVerificationError:
            print(False)
