"""boto3 with leased keys: does what standard input says, one JSON object, and prints what came of each: "ok" or AWS's error code.

{"url", "region", "keys": {access_key_id, secret_access_key, session_token}, "acts": [["get"|"put"|"delete"|"list", BUCKET, KEY?], ["whoami"]]}
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def do(clients, act, *where):
    if act == "whoami":
        return clients["sts"].get_caller_identity()["Arn"]
    s3 = clients["s3"]
    if act == "list":
        s3.list_objects_v2(Bucket=where[0])
    else:
        more = {"Body": b"two"} if act == "put" else {}
        getattr(s3, f"{act}_object")(Bucket=where[0], Key=where[1], **more)
    return "ok"


def main():
    order = json.load(sys.stdin)
    keys = order["keys"]
    make = lambda name: boto3.client(
        name,
        endpoint_url=order["url"],
        region_name=order["region"],
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
        aws_session_token=keys["session_token"],
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
    )
    clients = {name: make(name) for name in ("s3", "sts")}
    out = []
    for act in order["acts"]:
        try:
            out.append(do(clients, *act))
        except ClientError as error:
            out.append(error.response["Error"]["Code"])
    print(json.dumps(out))


main()
