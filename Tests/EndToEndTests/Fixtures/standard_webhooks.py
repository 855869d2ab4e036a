"""Runs the verifier of the package `standardwebhooks` over cases from a file.

Usage: standard_webhooks.py CASES, where CASES has one JSON object a line: {"id", "timestamp", "signature", "body" (hex),
"secret", optionally "now" (the receiver's clock, unix seconds)}. Prints True or False for each.
"""
import datetime
import json
import sys

from standardwebhooks import webhooks
from standardwebhooks.webhooks import Webhook, WebhookVerificationError


class Clock(datetime.datetime):
    """The real clock, or the case's."""

    at = None

    @classmethod
    def now(cls, tz=None):
        return super().now(tz) if cls.at is None else cls.fromtimestamp(cls.at, tz)


webhooks.datetime = Clock

with open(sys.argv[1]) as cases:
    for line in cases:
        case = json.loads(line)
        Clock.at = case.get("now")
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
