// Every fixture of every host: nothing lost, a second run changes nothing, --undo gives the bytes back, and what others changed stays.
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { describe, it } from "node:test";
import { Home, configurations, fixture, fixtures, keepsBytes, ourEntries, parseJsonc, withoutOurs } from "./homes.mjs";

const kHold_s = 540; // as long as the gate holds a call

function homeWith(host, name, scope = "home") {
  const home = new Home();
  const path = scope === "home" ? configurations[host].home : `src/app/${configurations[host].project}`;
  home.put(path, fixture(host, name), 0o640);
  return { home, path, words: scope === "home" ? [host] : [host, "--project"] };
}

function checkInstalled(host, after) {
  const { timeout, second } = configurations[host];
  const ours = ourEntries(host, after);
  const events = ours.map(({ event }) => event);
  assert.equal(new Set(events).size, events.length, `an event has two of our hooks: ${events}`);
  assert.ok(events.length >= 5, `hooks stand at ${events.length} events only`);
  for (const { event, matcher, entry } of ours) {
    assert.ok([undefined, "", "*"].includes(matcher), `${event} leaves tools out: ${matcher}`);
    if (timeout && event !== "SessionEnd") assert.ok(entry[timeout] > kHold_s * second, `${event} ends before the gate answers: ${entry[timeout]}`);
    assert.match(entry[configurations[host].command], /^'?\/.*interlock'? hook /, "an absolute path");
  }
}

for (const host of Object.keys(configurations)) {
  describe(host, () => {
    for (const name of fixtures(host)) {
      describe(name, () => {
        it("loses nothing and is changed by insertion alone", async () => {
          const { home, path, words } = homeWith(host, name);
          const before = home.bytes(path);
          const result = await home.init([...words, "--yes"]);
          assert.equal(result.code, 0, result.stderr);
          const after = home.bytes(path);
          assert.deepEqual(withoutOurs(host, parseJsonc(after)), withoutOurs(host, parseJsonc(before)));
          checkInstalled(host, parseJsonc(after));
          if (!/interlock'? hook/.test(before.toString())) assert.ok(keepsBytes(before, after), after.toString());
          const crlf = (bytes) => (bytes.toString("latin1").match(/\r\n/g) ?? []).length;
          const lf = (bytes) => (bytes.toString("latin1").match(/\n/g) ?? []).length;
          if (crlf(before) > 0 && crlf(before) === lf(before)) assert.equal(crlf(after), lf(after), "line ends are mixed");
          assert.equal(statSync(home.path(path)).mode & 0o777, 0o640);
        });

        it("is left alone by a second run", async () => {
          const { home, path, words } = homeWith(host, name);
          await home.init([...words, "--yes"]);
          const first = home.bytes(path);
          const kept = home.backups.length;
          const second = await home.json(words);
          assert.equal(second.code, 0);
          assert.equal(second.written, false);
          assert.ok(home.bytes(path).equals(first));
          assert.equal(home.backups.length, kept);
        });

        for (const scope of ["home", "project"]) {
          it(`is given back byte for byte by --undo (${scope})`, async () => {
            const { home, path, words } = homeWith(host, name, scope);
            // What was ours before stays out: an undo means without hooks.
            const hadOurs = /interlock'? hook/.test(home.text(path));
            const before = home.snapshot();
            assert.equal((await home.init([...words, "--yes"])).code, 0);
            const undone = await home.init([...words, "--undo", "--yes"]);
            assert.equal(undone.code, 0, undone.stderr);
            if (!hadOurs) assert.deepEqual(home.snapshot(), before);
            assert.doesNotMatch(home.text(path) ?? "", new RegExp(`interlock'? hook ${host}`));
            assert.equal((await home.json([...words, "--undo"])).written, false);
          });
        }

        it("keeps what somebody else changed after init, when ours is taken out", async () => {
          const { home, path, words } = homeWith(host, name);
          const before = parseJsonc(home.bytes(path));
          await home.init([...words, "--yes"]);
          const changed = home.text(path).replace("{", '{ "added": [1, 2], // later\n');
          home.put(path, changed);
          const undone = await home.json([...words, "--undo", "--yes"]);
          assert.equal(undone.code, 0);
          assert.equal(undone.files.find((file) => file.path.endsWith(path)).action, "take out");
          const after = parseJsonc(home.bytes(path));
          assert.deepEqual(withoutOurs(host, after), { added: [1, 2], ...withoutOurs(host, before) });
          assert.equal(ourEntries(host, after).length, 0);
          assert.ok(home.text(path).includes("// later"));
        });
      });
    }

    it("a file that was not there is made, and removed with its folders", async () => {
      const home = new Home();
      const before = home.snapshot();
      assert.equal((await home.init([host, "--yes"])).code, 0);
      checkInstalled(host, parseJsonc(home.bytes(configurations[host].home)));
      assert.equal((await home.init([host, "--undo", "--yes"])).code, 0);
      assert.deepEqual(home.snapshot(), before);
      assert.throws(() => statSync(home.path(configurations[host].home.split("/")[0])), /ENOENT/);
    });

    it("an older hook of ours is replaced where it stands", async () => {
      const home = new Home();
      await home.init([host, "--yes"]);
      const path = configurations[host].home;
      const now = home.text(path);
      home.put(path, now.replaceAll(/"[^"]*interlock hook [^"]*"/g, `"/old/interlock hook ${host}"`));
      assert.equal((await home.init([host, "--yes"])).code, 0);
      assert.equal(home.text(path), now);
    });
  });
}

describe("files that are not what they should be", () => {
  for (const name of fixtures("broken")) {
    it(`${name}: refused with its place, and nothing is written, not for the others either`, async () => {
      for (const host of ["claude", "cursor"]) {
        const home = new Home();
        home.put(configurations[host].home, fixture("broken", name));
        home.put(configurations.gemini.home, "{}\n");
        const before = home.snapshot();
        const result = await home.init(["gemini", host, "--yes"]);
        assert.equal(result.code, 1, result.stdout);
        assert.match(result.stderr, /\.json:\d+:\d+: /);
        assert.match(result.stderr, /nothing was/);
        assert.deepEqual(home.snapshot(), before);
        assert.deepEqual(home.backups, []);
      }
    });
  }
});

describe("Codex's config.toml", () => {
  for (const name of fixtures("codex_config")) {
    it(`${name}: is read, and never written`, async () => {
      const home = new Home();
      home.put(".codex/config.toml", fixture("codex_config", name));
      const result = await home.json(["codex", "--yes"]);
      assert.equal(result.written, true);
      assert.ok(home.bytes(".codex/config.toml").equals(fixture("codex_config", name)));
      const notes = result.notes.map(({ note }) => note).join("\n");
      assert.match(notes, /\/hooks/, "the human is told to review the hooks");
      assert.equal(notes.includes("switched off"), name.startsWith("hooks_off"));
    });
  }
});
