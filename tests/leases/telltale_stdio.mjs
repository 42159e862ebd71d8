// A telltale server on stdio: reads what it was lent from its environment, descriptors and private files, says what it got to whoever asks
// (and on stderr), and writes the hashes of it to the file REPORT, so that the test knows that all were used.
//   telltale_stdio.mjs env:NAME fd:NAME file:NAME ...
import { createHash } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { answer, escapedJson, kForms } from "./telltale.mjs";

const read = {
  env: (name) => process.env[name],
  fd: (name) => readFileSync(process.env[name], "utf8"),
  file: (name) => readFileSync(join(process.env.CREDENTIALS_DIRECTORY, name), "utf8"),
};
const secrets = process.argv.slice(2).map((argument) => {
  const [way, name] = argument.split(":");
  return read[way](name);
});
for (const secret of secrets) {
  appendFileSync(process.env.REPORT, `${createHash("sha256").update(secret).digest("hex")} ${process.pid}\n`);
  for (const form of Object.values(kForms)) process.stderr.write(`${form(secret)}\n`);
}

const send = (message) => process.stdout.write(`${escapedJson(message, secrets)}\n`);
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const reply = answer(JSON.parse(line), () => secrets, send);
    if (reply) send(reply);
  })
  .on("close", () => process.exit(0));
