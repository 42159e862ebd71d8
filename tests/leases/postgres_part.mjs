// A PostgreSQL cluster of its own in a scratch folder: on loopback, with a database `shop`, an admin role that is no superuser, and psql
// as the client. As root it runs as the user postgres, for the server refuses root. It ends with the process that started it.
import { execFile, execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { eventually, scratch } from "../peers/parts.mjs";

const kFolder = "/usr/lib/postgresql";
const kStart_ms = 30_000;
export const kAdminPassword = "admin-pässword'\"\\$1"; // of the kind that breaks a sloppy quoting

// Where the server's programs are; "" where there are none.
export function binaries() {
  const versions = existsSync(kFolder) ? readdirSync(kFolder).filter((name) => existsSync(join(kFolder, name, "bin", "postgres"))) : [];
  return versions.length > 0 ? join(kFolder, versions.sort((a, b) => Number(a) - Number(b)).at(-1), "bin") : "";
}
export const whyNoPostgres = () => (binaries() ? "" : "PostgreSQL's server is not installed: scripts/setup parts");

const isRoot = process.getuid() === 0;
const asServer = (command) => (isRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", ...command] : command);
const plain = { LANG: "C.UTF-8", PATH: process.env.PATH };

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export function run(command, args, { input, env = plain, timeout = 30_000 } = {}) {
  return new Promise((resolve) => {
    const child = execFile(command, args, { env, timeout, maxBuffer: 1 << 24 }, (error, stdout, stderr) =>
      resolve({ code: error ? (typeof error.code === "number" ? error.code : 1) : 0, stdout, stderr }),
    );
    child.stdin.on("error", () => {}); // it may have ended before it read
    child.stdin.end(input ?? "");
  });
}

// log: which statements its log has. tls: {cert, key} of the server, in PEM.
export async function startPostgres({ log: logged = "all", tls } = {}) {
  const bin = binaries();
  const folder = scratch("interlock-pg");
  const data = join(folder, "data");
  const [uid, gid] = isRoot ? ["-u", "-g"].map((what) => Number(execFileSync("id", [what, "postgres"]))) : [process.getuid(), process.getgid()];
  chownSync(folder, uid, gid);
  for (const [name, text] of Object.entries(tls ?? {})) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    chownSync(join(folder, name), uid, gid);
  }
  const inFolder = (command) => execFileSync(asServer(command)[0], asServer(command).slice(1), { cwd: folder, env: plain, stdio: ["ignore", "pipe", "pipe"] });
  inFolder([join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--no-locale", "-E", "UTF8", "--no-instructions", `--pwfile=${writePassword(folder)}`]);
  const port = await freePort();
  const options = ["-D", data, "-p", String(port), "-k", folder, "-h", "127.0.0.1,127.0.0.2", "-c", "max_connections=300", "-c", `log_statement=${logged}`, "-c", "logging_collector=off"];
  if (tls) options.push("-c", "ssl=on", "-c", `ssl_cert_file=${join(folder, "cert")}`, "-c", `ssl_key_file=${join(folder, "key")}`);
  const [command, ...args] = asServer([join(bin, "postgres"), ...options]);
  const log = [];
  const server = spawn(command, args, { cwd: folder, env: plain, stdio: ["ignore", "ignore", "pipe"] });
  server.stderr.on("data", (text) => log.push(String(text)));
  const gone = new Promise((resolve) => server.on("exit", resolve));
  const kill = () => server.kill("SIGQUIT"); // at once, as after a power cut; its children go with it
  process.on("exit", kill);

  const superuser = `postgresql://postgres:super@127.0.0.1:${port}`;
  const psql = (dsn, sql) => run("psql", ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-c", sql], { env: { ...plain, PGCONNECT_TIMEOUT: "10" } });
  const postgres = {
    port,
    folder,
    // What PostgreSQL wrote to its log.
    log: () => log.join(""),
    psql,
    // As superuser, in `database`: lines of the answer.
    async ask(sql, database = "shop") {
      const answer = await psql(`${superuser}/${database}`, sql);
      if (answer.code !== 0) throw new Error(answer.stderr);
      return answer.stdout.split("\n").filter((line) => line !== "");
    },
    // The roles of leases that are still there.
    roles: () => postgres.ask("SELECT rolname FROM pg_roles WHERE rolname LIKE 'interlock\\_%'"),
    sessions: () => postgres.ask("SELECT usename FROM pg_stat_activity WHERE usename LIKE 'interlock\\_%'"),
    // A psql that stays: say(sql) is answered by its lines; `ended` when it noticed that the server ended it, which takes a further say().
    session(dsn) {
      const child = spawn("psql", ["-X", "-q", "-A", "-t", "-d", dsn], { env: plain, stdio: ["pipe", "pipe", "pipe"] });
      let text = "";
      let count = 0;
      const waiting = new Map();
      child.stdout.on("data", (part) => {
        text += part;
        for (let at; (at = text.search(/^-- answered \d+\n/m)) >= 0; ) {
          const end = text.indexOf("\n", at) + 1;
          waiting.get(Number(text.slice(at, end).match(/\d+/)[0]))?.resolve(text.slice(0, at));
          text = text.slice(end);
        }
      });
      child.stdin.on("error", () => {}); // it ended: `ended` tells
      let errors = "";
      child.stderr.on("data", (part) => (errors += part));
      const ended = new Promise((resolve) =>
        child.on("exit", () => {
          resolve(errors);
          for (const one of waiting.values()) one.reject(new Error(errors || "psql ended"));
        }),
      );
      ended.catch(() => {});
      return {
        ended,
        say(sql) {
          const number = ++count;
          const answer = new Promise((resolve, reject) => waiting.set(number, { resolve, reject }));
          child.stdin.write(`${sql};\n\\echo -- answered ${number}\n`);
          return answer;
        },
        // Asks until the server ends it: what it said, and when.
        async used(pause_ms = 0) {
          for (;;) {
            try {
              await this.say("SELECT 1");
              if (pause_ms > 0) await new Promise((resolve) => setTimeout(resolve, pause_ms));
            } catch {
              return { error: await ended, at_ms: performance.now() };
            }
          }
        },
        stop: () => child.kill("SIGKILL"),
      };
    },
    async stop() {
      kill();
      await gone;
    },
  };
  await eventually("PostgreSQL takes connections", async () => (await psql(`${superuser}/postgres`, "SELECT 1")).code === 0, { within_ms: kStart_ms });
  await postgres.ask("CREATE DATABASE shop", "postgres");
  // Of which the log shows nothing: it holds a password.
  await postgres.ask(`
    CREATE TABLE orders (id serial PRIMARY KEY, item text, price int);
    CREATE TABLE payroll (id int, salary int);
    CREATE TABLE customers (id int, name text, card text);
    CREATE SCHEMA "odd.Schema";
    CREATE TABLE "odd.Schema"."a""b; DROP TABLE payroll; --" (id int);
    INSERT INTO orders (item, price) VALUES ('lamp', 30);
    INSERT INTO payroll VALUES (1, 100000);
    INSERT INTO customers VALUES (1, 'Ann', '4111');
    CREATE ROLE gate LOGIN CREATEROLE PASSWORD $secret$${kAdminPassword}$secret$;
    GRANT CONNECT ON DATABASE shop TO gate WITH GRANT OPTION;
    GRANT USAGE ON SCHEMA public, "odd.Schema" TO gate WITH GRANT OPTION;
    GRANT ALL ON orders, customers, "odd.Schema"."a""b; DROP TABLE payroll; --" TO gate WITH GRANT OPTION;
    GRANT USAGE ON SEQUENCE orders_id_seq TO gate WITH GRANT OPTION;`, "shop?options=-c%20log_statement%3Dnone");
  return postgres;
}

function writePassword(folder) {
  const path = join(folder, "password");
  writeFileSync(path, "super\n", { mode: 0o644 });
  return path;
}

// The dsn for another password, user or database.
export const dsnOf = ({ host, port, database, username, password }) =>
  `postgresql://${encodeURIComponent(username)}:${encodeURIComponent(password)}@${host}:${port}/${encodeURIComponent(database)}`;
