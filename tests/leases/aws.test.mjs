// The AWS broker against moto's server, which checks every signature and asks IAM: the session policy that arrives is the one that the act
// was given, the leased keys do what it allows and nothing beside, and botocore signs as src/credential/sigv4 does.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { root, scratch, startReady } from "../peers/parts.mjs";
import { startDriver } from "./driver_part.mjs";
import { python, runPython } from "./python_parts.mjs";

const kVectors = ["7", "80"]; // seed and count of tests/unit/credential/sigv4_botocore.jsonl

let moto;
let aws;
let driver;
const act = (effects, key = "one.txt", bucket = "books") => ({ effects, resource: ["Object", `${bucket}/${key}`], containers: [["Bucket", bucket]] });
const doing = async (keys, acts) => JSON.parse(await runPython("aws_client.py", [], JSON.stringify({ url: aws.url, region: aws.region, keys, acts })));
const sessions = async () => (await fetch(`${aws.url}/interlock/sessions`)).json();

describe("an STS session for one lease", () => {
  before(async () => {
    moto = await startReady(python, [join(root, "tests", "leases", "moto_server.py")], { env: { PYTHONWARNINGS: "ignore" } });
    aws = moto.ready;
    const settings = (more = {}) => ({
      broker: "aws",
      role_arn: aws.role_arn,
      region: aws.region,
      endpoint: aws.url,
      access_key_id: aws.access_key_id,
      secret_access_key_secret: "aws/gate",
      external_id: aws.external_id,
      session_policy: {
        read: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::{resource}" }],
        write: [{ Effect: "Allow", Action: ["s3:GetObject", "s3:PutObject"], Resource: "arn:aws:s3:::{Bucket}/*" }],
      },
      ...more,
    });
    driver = startDriver(scratch(), {
      secrets: { "aws/gate": aws.secret_access_key, "aws/wrong": "wrong-secret-access-key" },
      credentials: {
        s3: settings(),
        wrong: settings({ secret_access_key_secret: "aws/wrong" }),
        stranger: settings({ external_id: "somebody-else" }),
        another: settings({ role_arn: aws.role_arn.replace("agent", "admin") }),
      },
    });
  });
  after(async () => {
    driver?.kill();
    await moto?.stop();
  });

  it("reads the act's object, and can touch no other object, no other bucket, and not write", async () => {
    const { fields } = await driver.acquire("s3", act(["read"]));
    const acts = [["get", "books", "one.txt"], ["put", "books", "one.txt"], ["delete", "books", "one.txt"], ["get", "books", "other.txt"], ["get", "payroll", "one.txt"], ["list", "books"]];
    assert.deepEqual(await doing(fields, acts), ["ok", ...Array(5).fill("AccessDenied")]);
    const [arn] = await doing(fields, [["whoami"]]);
    assert.match(arn, /assumed-role\/agent\/interlock-/);
  });

  it("writes in the act's bucket where the act writes", async () => {
    const { fields } = await driver.acquire("s3", act(["write"], "two.txt"));
    assert.deepEqual(await doing(fields, [["put", "books", "two.txt"], ["get", "books", "two.txt"], ["put", "payroll", "one.txt"], ["delete", "books", "two.txt"]]), ["ok", "ok", "AccessDenied", "AccessDenied"]);
  });

  it("has the policy that its act was given, to the letter, and the external id", async () => {
    const before = (await sessions()).length;
    const { lease } = await driver.acquire("s3", act(["read"], "a \"quoted\" näme.txt"));
    const told = (await sessions())[before];
    assert.equal(told.session, `interlock-${lease}`);
    assert.equal(told.external_id, aws.external_id);
    assert.deepEqual(JSON.parse(told.policy), { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: 'arn:aws:s3:::books/a "quoted" näme.txt' }] });
  });

  it("is not asked for where the act's resource would widen the policy", async () => {
    const before = (await sessions()).length;
    await assert.rejects(driver.acquire("s3", act(["read"], "*")), /widens a session policy/);
    await assert.rejects(driver.acquire("s3", act(["delete"])), /no entry for acts that delete/);
    assert.equal((await sessions()).length, before);
  });

  it("is refused as AWS refuses it, and no refusal shows a key", async () => {
    await assert.rejects(driver.acquire("wrong", act(["read"])), (error) => /SignatureDoesNotMatch/.test(error.message) && !error.message.includes("wrong-secret"));
    await assert.rejects(driver.acquire("stranger", act(["read"])), /AccessDenied/);
    await assert.rejects(driver.acquire("another", act(["read"])), /AccessDenied|NoSuchEntity/);
  });

  it("ends by expiry, and says so: its task's end forgets the keys, the lease waits for its hour", async () => {
    const { lease, fields } = await driver.acquire("s3", { ...act(["read"]), task: "ends" });
    await driver.ask("end_task", { task: "ends" });
    assert.deepEqual(await doing(fields, [["get", "books", "one.txt"]]), ["ok"]); // AWS cannot revoke it, nor do we say so
    const { leases } = await driver.ask("list");
    const record = leases.find(({ id }) => id === lease);
    assert.equal(record.state, "revoking");
    const left_ms = Date.parse(record.expires ?? "") - Date.now() || record.expires_ms - Date.now();
    assert.ok(left_ms > 0 && left_ms <= 900_000, `it lives for ${left_ms} ms`);
    assert.equal(JSON.stringify(leases).includes(fields.secret_access_key), false);
  });

  it("is signed as botocore signs: the vectors of the unit test are its", async () => {
    const made = await runPython("sigv4_vectors.py", kVectors);
    assert.equal(made, readFileSync(join(root, "tests", "unit", "credential", "sigv4_botocore.jsonl"), "utf8"));
  });
});
