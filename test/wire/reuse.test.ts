import { expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:tls";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../needs.ts";
import { startWeir } from "../weir.ts";

const callsAtOnce = 240;

/** A certificate for this machine alone, and its key. */
function makeCertificate(folder: string) {
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const request = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost";
  const made = Bun.spawnSync(["openssl", ...request.split(" "), "-keyout", key, "-out", certificate]);
  if (made.exitCode !== 0) throw new Error(made.stderr.toString());
  return { key, certificate };
}

needs("openssl", Bun.which("openssl") !== null)(
  "a burst over TLS finds the connections of the one before, more than the runtime keeps in one pool",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "weir-tls-"));
    const { key, certificate } = makeCertificate(folder);
    let connections = 0;
    /** Answers that are owed; none is given before all of a burst has come, so that no connection serves two of its calls. */
    const owed: (() => void)[] = [];
    const upstream = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (socket) => {
      connections += 1;
      let text = "";
      socket.on("error", () => socket.destroy());
      socket.on("data", (data) => {
        text += data.toString("latin1");
        if (!text.endsWith("\r\n\r\n{}")) return;
        text = "";
        owed.push(() => socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"));
        if (owed.length === callsAtOnce) for (const pay of owed.splice(0)) pay();
      });
    });
    await once(upstream.listen(0, "127.0.0.1"), "listening");
    const address = upstream.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await using weir = await startWeir({
      env: { UPSTREAM_BASE_URL: `https://localhost:${port}`, NODE_EXTRA_CA_CERTS: certificate, TELEMETRY: "off" },
    });
    const burst = async () => {
      const before = connections;
      const answers = await Promise.all(
        Array.from({ length: callsAtOnce }, async () => {
          const answer = await fetch(`${weir.url}/v1/x`, {
            method: "POST",
            headers: { "content-type": "application/json", authorization: "Bearer x" },
            body: "{}",
          });
          return answer.text();
        }),
      );
      expect(new Set(answers)).toEqual(new Set(["ok"]));
      return connections - before;
    };
    const first = await burst();
    const second = await burst();
    upstream.close();
    rmSync(folder, { recursive: true });
    expect(first).toBeGreaterThan(128);
    expect(second).toBeLessThan(first / 4);
  },
  60_000,
);
