// The SSH broker against a real sshd: what a leased certificate lets one do, what it does not, and that its serial on the list keeps it out.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, scratch } from "../peers/parts.mjs";
import { startDriver } from "./driver_part.mjs";
import { run } from "./postgres_part.mjs";
import { makeKey, startSshd } from "./sshd_part.mjs";

const kinds = { ed25519: ["-t", "ed25519"], ecdsa: ["-t", "ecdsa", "-b", "384"], rsa: ["-t", "rsa", "-b", "3072"], pem: ["-t", "rsa", "-b", "3072", "-m", "PEM"] };
const refused = (answer) => {
  assert.equal(answer.code, 255, `it was let in: ${answer.stdout}`);
  assert.match(answer.stderr, /Permission denied/);
};

for (const [kind, words] of Object.entries(kinds)) {
  describe(`an SSH certificate for one lease, of an authority of kind ${kind}`, () => {
    let sshd;
    let driver;
    before(async () => {
      const folder = scratch();
      const authority = makeKey(join(folder, "ca"), ...words);
      const krl = join(folder, "revoked.krl");
      const one = (more) => ({ broker: "ssh", ca_secret: "ssh/ca", principals: ["deploy"], force_command: "echo forced", krl, ...more });
      driver = startDriver(folder, {
        secrets: { "ssh/ca": authority },
        credentials: {
          ship: one({ source_addresses: ["127.0.0.1/32"] }),
          far: one({ source_addresses: ["192.0.2.0/24"] }),
          stranger: one({ principals: ["backup"] }),
          terminal: one({ extensions: ["permit-pty"] }),
          any: { ...one({ any_command: true }), force_command: undefined },
          brief: one({ lifetime_ms: 3_000 }),
        },
      });
      await driver.ask("list");
      sshd = await startSshd({ authority: join(folder, "ca"), krl });
    });
    after(async () => {
      await driver?.close();
      await sshd?.stop();
    });

    it("runs its command, whatever it is asked for", async () => {
      const { lease, fields } = await driver.acquire("ship");
      for (const command of ["", "id", "cat /etc/shadow; rm -rf /tmp/x"]) {
        const answer = await sshd.ssh(fields, command);
        assert.equal(answer.code, 0, answer.stderr);
        assert.equal(answer.stdout, "forced\n");
      }
      await driver.ask("release", { lease });
    });

    it("lets nobody in from elsewhere, nor as another principal", async () => {
      const far = await driver.acquire("far");
      refused(await sshd.ssh(far.fields));
      const stranger = await driver.acquire("stranger");
      refused(await sshd.ssh(stranger.fields));
      await driver.ask("release", { lease: far.lease });
      await driver.ask("release", { lease: stranger.lease });
    });

    it("opens no tunnel and no terminal that was not asked for", async () => {
      const { lease, fields } = await driver.acquire("ship");
      const tunnel = await sshd.ssh(fields, "", { options: ["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"] });
      assert.match(tunnel.stderr, /remote port forwarding failed/);
      assert.match((await sshd.ssh(fields, "", { options: ["-tt"] })).stderr, /PTY allocation request failed/);
      const terminal = await driver.acquire("terminal");
      assert.doesNotMatch((await sshd.ssh(terminal.fields, "", { options: ["-tt"] })).stderr, /PTY allocation request failed/);
      await driver.ask("release", { lease });
      await driver.ask("release", { lease: terminal.lease });
    });

    it("is no key without its certificate", async () => {
      const { lease, fields } = await driver.acquire("ship");
      const other = await driver.acquire("ship");
      refused(await sshd.ssh({ private_key: fields.private_key, certificate: other.fields.certificate }));
      await driver.ask("release", { lease });
      await driver.ask("release", { lease: other.lease });
    });

    it("lets nobody in once it is on the list, while another still does", async () => {
      const one = await driver.acquire("any", { task: "one" });
      const two = await driver.acquire("any", { task: "two" });
      assert.equal((await sshd.ssh(one.fields, "echo hello")).stdout, "hello\n");
      await driver.ask("end_task", { task: "one" });
      refused(await sshd.ssh(one.fields, "echo hello"));
      assert.equal((await sshd.ssh(two.fields, "echo hello")).stdout, "hello\n");
      await driver.ask("end_task", { task: "two" });
      refused(await sshd.ssh(two.fields, "echo hello"));
      await eventually("sshd says why", () => /revoked by file/.test(sshd.log()));
    });

    it("ends by itself at its hour", async () => {
      const { fields } = await driver.acquire("brief", { task: "brief" });
      assert.equal((await sshd.ssh(fields)).code, 0);
      const shown = await run("ssh-keygen", ["-L", "-f", "-"], { input: fields.certificate, env: { ...process.env, TZ: "UTC" } });
      const end = Date.parse(`${shown.stdout.match(/Valid: from \S+ to (\S+)/)[1]}Z`);
      assert.ok(end <= Date.now() + 3_000);
      await eventually("it is past its end", () => Date.now() > end + 100);
      refused(await sshd.ssh(fields));
    });

    it("holds under many at once", async () => {
      const leases = await Promise.all(Array.from({ length: 40 }, () => driver.acquire("ship", { task: "many" })));
      for (const { fields } of leases.slice(0, 3)) assert.equal((await sshd.ssh(fields)).code, 0);
      await driver.ask("end_task", { task: "many" });
      for (const { fields } of leases.slice(0, 10)) refused(await sshd.ssh(fields));
    });
  });
}
