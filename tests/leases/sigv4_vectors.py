"""Requests signed by botocore, as JSON lines: what src/credential/sigv4 must sign to the letter.

Run by tests/leases/aws.test.mjs, which compares them with tests/unit/credential/sigv4_botocore.jsonl: python sigv4_vectors.py SEED COUNT.
"""

import datetime
import hashlib
import json
import random
import sys
from types import SimpleNamespace
from unittest import mock
from urllib.parse import quote

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ALPHABET = "abcXYZ019-_.~ /+=&%?#@!$'()*,;:[]äሴ"
SERVICES = ["s3", "sts", "dynamodb", "lambda", "execute-api"]
METHODS = ["GET", "PUT", "POST", "DELETE", "HEAD"]


def text(draw, longest, alphabet=ALPHABET):
    return "".join(draw.choice(alphabet) for _ in range(draw.randrange(longest + 1)))


def vector(draw):
    service = draw.choice(SERVICES)
    path = "/" + "/".join(quote(text(draw, 8), safe="-_.~") for _ in range(draw.randrange(4)))
    if service == "s3":  # botocore takes S3's paths as they are
        path = path.replace("//", "/x/")
    pairs = [(text(draw, 6) or "k", text(draw, 6)) for _ in range(draw.randrange(4))]
    query = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in pairs)
    target = path + ("?" + query if query else "")
    body = text(draw, 40).encode()
    payload = draw.choice(["UNSIGNED-PAYLOAD", None]) if service == "s3" else None
    payload = payload or hashlib.sha256(body).hexdigest()
    headers = {"X-Amz-Content-SHA256": payload}
    if draw.random() < 0.5:
        headers["Content-Type"] = draw.choice(["application/json", "text/plain; charset=utf-8"])
    if draw.random() < 0.5:
        headers["X-Amz-Meta-Note"] = draw.choice(["one", "two  spaces", " trimmed "])
    now = datetime.datetime.fromtimestamp(1_440_938_160 + draw.randrange(300_000_000), datetime.timezone.utc)
    keys = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", draw.choice([None, "FwoGZXIvYXdzE/token+=="]))
    region = draw.choice(["us-east-1", "eu-central-1"])
    sent = {name: value for name, value in headers.items() if name != "X-Amz-Content-SHA256"}
    signer = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    request = AWSRequest(method=draw.choice(METHODS), url="https://example.amazonaws.com" + target, headers=headers, data=body)
    request.context["client_config"] = SimpleNamespace(s3={"payload_signing_enabled": payload != "UNSIGNED-PAYLOAD"})
    with mock.patch("botocore.auth.get_current_datetime", lambda: now):
        signer(keys, service, region).add_auth(request)
    return {
        "service": service,
        "region": region,
        "method": request.method,
        "target": target,
        "headers": sent,
        "payload": request.headers["X-Amz-Content-SHA256"],
        "now_s": int(now.timestamp()),
        "token": keys.token or "",
        "authorization": request.headers["Authorization"],
    }


def main():
    draw = random.Random(int(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        print(json.dumps(vector(draw), ensure_ascii=True))


main()
