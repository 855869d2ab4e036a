"""Sends messages that Lark's SDK and wechatpy made, or would take, to the doors of an installation.

usage: vendor_messages.py CASES.jsonl   one object a line: {"vendor", "url", …secrets}
Prints one line a request: a word for it, the status and the answer's text.
"""

import base64
import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


def send(name, url, body, headers):
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            print(name, answer.status, answer.read().decode())
    except urllib.error.HTTPError as error:
        print(name, error.code, "refused")


def lark(case):
    from Crypto.Cipher import AES
    from lark_oapi.core.model import RawRequest
    from lark_oapi.core.utils import AESCipher
    from lark_oapi.event.dispatcher_handler import EventDispatcherHandler

    key, token = case["encrypt_key"], case["token"]
    event = {
        "schema": "2.0",
        "header": {
            "event_id": "lark-1", "event_type": "im.message.receive_v1", "create_time": "1", "token": token,
            "app_id": "cli_1", "tenant_key": "t",
        },
        "event": {"sender": {}, "message": {"message_id": "om_1", "content": "{\"text\":\"你好\"}"}},
    }

    def encrypted(value):
        plain = json.dumps(value, ensure_ascii=False).encode()
        plain += bytes([16 - len(plain) % 16]) * (16 - len(plain) % 16)
        vector = os.urandom(16)
        digest = hashlib.sha256(key.encode()).digest()
        text = base64.b64encode(vector + AES.new(digest, AES.MODE_CBC, vector).encrypt(plain)).decode()
        assert AESCipher(key).decrypt_str(text) == json.dumps(value, ensure_ascii=False)
        return json.dumps({"encrypt": text}).encode()

    challenge = {"challenge": "chal-1", "token": token, "type": "url_verification"}
    send("lark-challenge", case["url"], encrypted(challenge), {"Content-Type": "application/json"})

    body, now, nonce = encrypted(event), str(int(time.time())), os.urandom(8).hex()
    headers = {
        "Content-Type": "application/json; charset=utf-8", "X-Lark-Request-Timestamp": now,
        "X-Lark-Request-Nonce": nonce,
        "X-Lark-Signature": hashlib.sha256((now + nonce + key).encode() + body).hexdigest(),
    }
    # The SDK's own dispatcher is the judge of what a message of Lark's is.
    seen = []
    handler = EventDispatcherHandler.builder(key, token).register_p2_im_message_receive_v1(seen.append).build()
    request = RawRequest()
    request.uri, request.body, request.headers = "/", body, headers
    assert handler.do(request).status_code == 200 and len(seen) == 1
    send("lark-event", case["url"], body, headers)
    send("lark-again", case["url"], body, headers)
    send("lark-forged", case["url"], body, headers | {"X-Lark-Signature": "0" * 64})


def wecom(case):
    from wechatpy.crypto import PrpCrypto
    from wechatpy.enterprise.crypto import WeChatCrypto
    from wechatpy.utils import WeChatSigner
    import xmltodict

    crypto = WeChatCrypto(case["token"], case["key"], case["receive_id"])

    def signed(text, now, nonce):
        signer = WeChatSigner()
        signer.add_data(case["token"], now, nonce, text)
        return signer.signature

    now, nonce = str(int(time.time())), "123456"
    echo = PrpCrypto(crypto.key).encrypt("4711", case["receive_id"])
    echo = echo.decode() if isinstance(echo, bytes) else echo
    query = {"msg_signature": signed(echo, now, nonce), "timestamp": now, "nonce": nonce, "echostr": echo}
    assert crypto.check_signature(query["msg_signature"], now, nonce, echo) in ("4711", b"4711")
    send("wecom-echo", case["url"] + "?" + urllib.parse.urlencode(query), None, {})

    text = (
        "<xml><ToUserName><![CDATA[c]]></ToUserName><FromUserName><![CDATA[u]]></FromUserName>"
        "<CreateTime>1</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[你好]]></Content>"
        "<MsgId>7340123456789012345</MsgId><AgentID>1</AgentID></xml>"
    )
    message = crypto.encrypt_message(text, nonce, now)
    parts = xmltodict.parse(message)["xml"]
    query = {"msg_signature": parts["MsgSignature"], "timestamp": now, "nonce": nonce}
    url = case["url"] + "?" + urllib.parse.urlencode(query)
    send("wecom-event", url, message.encode(), {"Content-Type": "text/xml"})
    send("wecom-again", url, message.encode(), {"Content-Type": "text/xml"})
    changed = message.replace("<Encrypt><![CDATA[", "<Encrypt><![CDATA[AAAA")
    send("wecom-forged", url, changed.encode(), {"Content-Type": "text/xml"})


def gitlab(case):
    from datetime import datetime, timezone
    from standardwebhooks import Webhook

    body = json.dumps({"object_kind": "push", "ref": "refs/heads/main"})
    now = datetime.now(tz=timezone.utc)
    headers = {
        "Content-Type": "application/json", "X-Gitlab-Event": "Push Hook", "webhook-id": "gl-1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(case["token"]).sign("gl-1", now, body),
    }
    send("gitlab-event", case["url"], body.encode(), headers)
    send("gitlab-forged", case["url"], body.encode() + b" ", headers)


for line in open(sys.argv[1], encoding="utf-8"):
    case = json.loads(line)
    {"lark": lark, "wecom": wecom, "gitlab": gitlab}[case["vendor"]](case)
