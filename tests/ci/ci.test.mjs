// A job's step behind the gate: who acts, what fails the job, and what is told of it.
import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { kAudience, openRunner } from "./runner.mjs";

const policies = `@id("inside") @reason("What runs inside is the job's own.") permit (principal, action, resource) when { context.sandboxed };
@id("no-factor") @reason("Nothing is factored in CI.") @next("factor it at home") forbid (principal, action == Action::"factor", resource);
@id("ask-first") @reason("A human decides on nproc.") forbid (principal, action == Action::"nproc", resource) unless { context.approved };
`;

describe("a step of a job", () => {
  let runner;
  before(async () => {
    runner = await openRunner({ policies });
  });
  after(() => runner?.close());
  beforeEach(() => {
    for (const name of ["summary.md", "interlock.sarif"]) rmSync(join(runner.folder, name), { force: true });
  });

  it("does its work, and its exit code is the script's", async () => {
    const done = await runner.step("echo built > out.txt; exit 0");
    assert.equal(done.code, 0, done.stderr);
    assert.ok(existsSync(join(runner.repository, "out.txt")));
    assert.match(done.summary, /nothing was denied/);
    assert.equal(done.sarif.runs[0].results.length, 0);
    assert.equal((await runner.step("exit 7")).code, 7);
  });

  it("with a command instead of a script", async () => {
    const done = await runner.step("", {}, ["sh", "-c", "echo $((6 * 7))"]);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, /^42$/m);
  });

  it("fails with 3 where something was denied though the script went on", async () => {
    const done = await runner.step("factor 42 || true");
    assert.equal(done.code, 3, done.stderr);
    assert.doesNotMatch(done.stdout, /42: 2 3 7/);
    assert.match(done.summary, /1 act was denied/);
    assert.match(done.summary, /Nothing is factored in CI/);
    const [result] = done.sarif.runs[0].results;
    assert.equal(result.level, "error");
    assert.match(result.ruleId, /no-factor/);
    assert.match(result.message.text, /factor/);
    assert.equal(result.locations[0].physicalLocation.artifactLocation.uri, "interlock.yaml");
  });

  it("does not where that is asked for", async () => {
    const done = await runner.step("factor 42 || true", { INTERLOCK_CI_FAIL_ON: "never" });
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.summary, /1 act was denied/);
  });

  it("asks nobody: what needs a human is denied at once", async () => {
    const done = await runner.step("nproc || true");
    assert.equal(done.code, 3, done.stderr);
    assert.doesNotMatch(done.stdout, /^\d+$/m);
  });

  it("acts as the workflow: the runner's token is asked for, and is who the record names", async () => {
    const done = await runner.step("true", runner.github);
    assert.equal(done.code, 0, done.stderr);
    assert.ok(runner.issuer.asked.includes(kAudience));
    assert.match(await runner.receipts(), /\/acme\/app/);
    assert.match(done.summary, /acme\/app/);
  });

  it("takes a token that is given, as GitLab's", async () => {
    const done = await runner.step("true", { INTERLOCK_ID_TOKEN: await runner.issuer.sign({ aud: kAudience, repository: "acme/other" }) });
    assert.equal(done.code, 0, done.stderr);
    assert.match(await runner.receipts(), /\/acme\/other/);
  });

  for (const [what, claims] of [
    ["for somebody else", { aud: "https://elsewhere.example.test" }],
    ["of another owner's repository", { aud: kAudience, repository_owner: "mallory", repository: "mallory/app" }],
  ]) {
    it(`is not started with a token ${what}`, async () => {
      const done = await runner.step("echo ran > never.txt", { INTERLOCK_ID_TOKEN: await runner.issuer.sign(claims) });
      assert.equal(done.code, 125, done.stderr);
      assert.ok(!existsSync(join(runner.repository, "never.txt")));
    });
  }

  it("is not started with a token that nobody signed, and does not fall back to the local user", async () => {
    const done = await runner.step("echo ran > never.txt", { INTERLOCK_ID_TOKEN: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0." });
    assert.equal(done.code, 125, done.stderr);
    assert.ok(!existsSync(join(runner.repository, "never.txt")));
  });

  it("is not started where the runner refuses a token", async () => {
    const done = await runner.step("echo ran > never.txt", { ...runner.github, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "wrong" });
    assert.equal(done.code, 125, done.stderr);
    assert.match(done.stderr, /id-token: write/);
    assert.ok(!existsSync(join(runner.repository, "never.txt")));
  });

  it("has no token of the job's inside", async () => {
    const token = await runner.issuer.sign({ aud: kAudience });
    const done = await runner.step("env; cat /proc/self/environ | tr '\\0' '\\n'", { ...runner.github, INTERLOCK_ID_TOKEN: token });
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, /^PATH=/m);
    for (const secret of [token, "secret-of-the-job-77aa", "request-token-of-the-job"]) assert.ok(!done.stdout.includes(secret), "a secret of the job is inside");
  });

  it("text that comes from outside is no part of the script", async () => {
    const done = await runner.step("echo fine", { INTERLOCK_CI_PURPOSE: "$(touch evil) `touch evil`; touch evil\n### heading" });
    assert.equal(done.code, 0, done.stderr);
    assert.ok(!existsSync(join(runner.repository, "evil")));
    assert.doesNotMatch(done.summary, /^### heading/m);
  });

  it("without anything to run is a mistake of usage", async () => {
    assert.equal((await runner.step("")).code, 2);
  });
});
