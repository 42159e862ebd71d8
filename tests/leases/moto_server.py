"""moto's server of AWS APIs, strict: each request's signature is checked, and IAM decides. Prints what there is as a JSON line.

moto keeps the session policy of an assumed role and does not apply it. Here its own policy engine is asked for it too, so that a session can
do what its role and its session policy both allow, as AWS has it. GET /interlock/sessions tells the sessions as they were asked for.
"""

import json
import os
import sys

import boto3
from moto import settings
from moto.iam import access_control
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from moto.sts.models import sts_backends

ACCOUNT = "123456789012"
REGION = "eu-central-1"
EXTERNAL_ID = "interlock"
BUCKETS = ["books", "payroll"]


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def sessions():
    return sts_backends[ACCOUNT]["aws"].assumed_roles


def apply_session_policies():
    by_role = access_control.IAMRequestBase.check_action_permitted

    def check(self, resource):
        by_role(self, resource)
        key = self._access_key._access_key_id
        session = next((one for one in sessions() if one.access_key_id == key), None)
        if session is None or session.policy is None or self._action == "sts:GetCallerIdentity":  # which no policy can deny
            return
        if access_control.IAMPolicy(session.policy).is_action_permitted(self._action, resource) != access_control.PermissionResult.PERMITTED:
            self._raise_access_denied()

    access_control.IAMRequestBase.check_action_permitted = check


def with_sessions(app):
    def serve(environ, start_response):
        if environ.get("PATH_INFO") != "/interlock/sessions":
            return app(environ, start_response)
        told = [{"session": one.session_name, "policy": one.policy, "external_id": one.external_id} for one in sessions()]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(told).encode()]

    return serve


# A user who may do nothing but assume the role; a role that may do all in S3.
def furnish(url):
    client = lambda name: boto3.client(name, endpoint_url=url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    iam = client("iam")
    user = iam.create_user(UserName="gate")["User"]
    trust = {"Effect": "Allow", "Principal": {"AWS": user["Arn"]}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}}
    role = iam.create_role(RoleName="agent", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_user_policy(UserName="gate", PolicyName="assume", PolicyDocument=policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}))
    iam.put_role_policy(RoleName="agent", PolicyName="s3", PolicyDocument=policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}))
    for bucket in BUCKETS:
        client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        client("s3").put_object(Bucket=bucket, Key="one.txt", Body=b"one")
    key = iam.create_access_key(UserName="gate")["AccessKey"]
    return {"role_arn": role, "access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"], "region": REGION, "external_id": EXTERNAL_ID}


def main():
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    apply_session_policies()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    server._server.app = with_sessions(server._server.app)
    url = f"http://{host}:{port}"
    there = furnish(url)
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0  # from here on nothing is taken on trust
    print(json.dumps({"url": url, **there}), flush=True)
    sys.stdin.read()  # whoever started it is gone


main()
