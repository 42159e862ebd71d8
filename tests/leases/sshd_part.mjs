// A real sshd on a loopback port, for the user who runs the tests: it trusts one authority for certificates, maps no names, and reads the
// list of revoked ones that the gate writes. It ends with the process that started it.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { eventually, scratch, write } from "../peers/parts.mjs";
import { freePort, run } from "./postgres_part.mjs";

const kSshd = "/usr/sbin/sshd";
export const whyNoSshd = () => (existsSync(kSshd) ? "" : "OpenSSH's server is not installed: scripts/setup parts");

export const makeKey = (path, ...words) => {
  execFileSync("ssh-keygen", ["-q", "-N", "", "-C", "test", "-f", path, ...(words.length > 0 ? words : ["-t", "ed25519"])]);
  return readFileSync(path, "utf8");
};

// authority: a private key file; its public half is trusted. principal: who may log in with a certificate.
export async function startSshd({ authority, krl, principal = "deploy" }) {
  const folder = scratch("interlock-sshd");
  makeKey(join(folder, "host"));
  if (process.getuid() === 0) mkdirSync("/run/sshd", { recursive: true });
  const user = userInfo().username;
  write(join(folder, "principals"), `${principal}\n`);
  const port = await freePort();
  const file = write(
    join(folder, "sshd_config"),
    `ListenAddress 127.0.0.1
Port ${port}
HostKey ${join(folder, "host")}
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile none
TrustedUserCAKeys ${authority}.pub
AuthorizedPrincipalsFile ${join(folder, "principals")}
RevokedKeys ${krl}
MaxStartups 200:30:400
LogLevel VERBOSE
`,
  );
  const log = [];
  const server = spawn(kSshd, ["-D", "-e", "-f", file], { stdio: ["ignore", "ignore", "pipe"] });
  server.stderr.on("data", (text) => log.push(String(text)));
  const gone = new Promise((resolve) => server.on("exit", resolve));
  process.on("exit", () => server.kill("SIGTERM"));
  const knows = write(join(folder, "known_hosts"), `[127.0.0.1]:${port} ${readFileSync(join(folder, "host.pub"), "utf8")}`);
  let count = 0;
  const answers = () =>
    new Promise((resolve) => {
      const socket = createConnection(port, "127.0.0.1", () => socket.once("data", () => (socket.destroy(), resolve(true))));
      socket.on("error", () => resolve(false));
    });
  await eventually("sshd takes connections", answers);
  return {
    port,
    folder,
    log: () => log.join(""),
    // Runs `command` with what a lease gave; {code, stdout, stderr}. 255: ssh itself failed, mostly for it was not let in.
    async ssh({ private_key, certificate }, command = "", { from, options = [] } = {}) {
      const key = write(join(folder, `key${++count}`), private_key);
      execFileSync("chmod", ["600", key]);
      const certificate_file = write(`${key}-cert.pub`, certificate);
      const words = ["-F", "none", "-T", "-p", String(port), "-i", key, "-o", `CertificateFile=${certificate_file}`, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"];
      words.push("-o", `UserKnownHostsFile=${knows}`, "-o", "StrictHostKeyChecking=yes", "-o", "PreferredAuthentications=publickey", "-o", "ConnectTimeout=10");
      if (from) words.push("-b", from);
      return run("ssh", [...words, ...options, `${user}@127.0.0.1`, ...(command ? [command] : [])]);
    },
    async stop() {
      server.kill("SIGTERM");
      await gone;
    },
  };
}
