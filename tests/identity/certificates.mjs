// A small certificate authority for one test, by OpenSSL's command line: server certificates for loopback, client certificates.
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { scratch, write } from "../peers/parts.mjs";

const kDays = "2";
const openssl = (...args) => execFileSync("openssl", args, { stdio: ["ignore", "pipe", "pipe"] });

// Returns {ca, caFile, server(), client(name), svid(name, spiffeId)}: the last three give {certFile, keyFile, cert, key, thumbprint}.
export function makeAuthority() {
  const folder = scratch("interlock-ca");
  const at = (name) => join(folder, name);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...key, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", kDays, "-subj", "/CN=Interlock tests");

  function issue(name, extensions) {
    openssl("req", ...key, "-keyout", at(`${name}.key`), "-out", at(`${name}.csr`), "-subj", `/CN=${name}`);
    write(at(`${name}.ext`), extensions);
    openssl("x509", "-req", "-in", at(`${name}.csr`), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", kDays, "-extfile", at(`${name}.ext`), "-out", at(`${name}.pem`));
    const cert = readFileSync(at(`${name}.pem`), "utf8");
    return {
      certFile: at(`${name}.pem`),
      keyFile: at(`${name}.key`),
      cert,
      key: readFileSync(at(`${name}.key`), "utf8"),
      thumbprint: createHash("sha256").update(new X509Certificate(cert).raw).digest("base64url"), // x5t#S256 (RFC 8705 §3.1)
    };
  }
  return {
    caFile: at("ca.pem"),
    ca: readFileSync(at("ca.pem"), "utf8"),
    server: (name = "server") => issue(name, "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"),
    client: (name) => issue(name, "extendedKeyUsage=clientAuth\n"),
    svid: (name, id) => issue(name, `subjectAltName=URI:${id}\nkeyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n`),
  };
}
