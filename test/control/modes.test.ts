import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { runWeir, startWeir } from "../weir.ts";
import { send } from "../wire/client.ts";
import { needs } from "../needs.ts";
import {
  type Control,
  type ControlOptions,
  families,
  familyNames,
  managementToken,
  openControl,
  providerKeys,
  refusalOf,
  useControl,
} from "./control.ts";

const gateKey = "gate-Key-0123456789";
const operators = { UPSTREAM_API_KEY: "op-openai", ANTHROPIC_API_KEY: "op-anthropic", GEMINI_API_KEY: "op-gemini" };

describe("with a gate and tokens", () => {
  for (const [what, mode] of Object.entries({ "AUTH_MODE=gate,token": "gate,token", "both secrets set": undefined })) {
    describe(what, () => {
      const find = useControl({ env: { AUTH_MODE: mode, PROXY_API_KEY: gateKey, ...operators } });
      const mint = async (more: object = {}) => find().createToken((await find().createProject(more)).id);

      test("either passes, each with its own key", async () => {
        const { token } = await mint();
        for (const family of familyNames) {
          const { keyHeader, keyText } = families[family];
          const [byToken, byGate] = [
            await find().call({ token, family }),
            await find().call({ token: gateKey, family }),
          ];
          expect(byToken.seen.map((seen) => seen.header(keyHeader))).toEqual([keyText(providerKeys[family])]);
          expect(byGate.seen.map((seen) => seen.header(keyHeader))).toEqual([keyText(`op-${family}`)]);
        }
      });

      test("a token decides where both come, and the gate key never goes up", async () => {
        const { token } = await mint();
        for (const headers of [
          [["x-api-key", gateKey]],
          [["x-goog-api-key", gateKey]],
          [["api-key", gateKey]],
        ] as const) {
          const { seen } = await find().call({ token, target: "/openai/v1/responses", headers });
          expect(seen.map((one) => one.header("authorization"))).toEqual([`Bearer ${providerKeys.openai}`]);
          expect(seen[0]?.head).not.toContain(gateKey);
          expect(seen[0]?.head).not.toContain("op-openai");
        }
      });

      test("a token that isn't valid is refused though the gate key comes too", async () => {
        const { id, token } = await mint();
        await find().manage("DELETE", `/manage/tokens/${id}`);
        for (const text of [token, "sk-weir-short"]) {
          const { answer, seen } = await find().call({ token: text, headers: [["x-weir-key", gateKey]] });
          expect([answer.status, seen.length]).toEqual([401, 0]);
          expect(answer.header("x-weir-error")).toStartWith("token_");
        }
      });

      test("neither is refused", async () => {
        expect((await find().call({})).answer.status).toBe(401);
        expect((await find().call({ token: "wrong" })).answer.status).toBe(401);
      });
    });
  }
});

describe("the management token as a consumer's credential", () => {
  const setups: Readonly<Record<string, ControlOptions["env"]>> = {
    open: { AUTH_MODE: "open" },
    gate: { AUTH_MODE: "gate", PROXY_API_KEY: gateKey },
    token: { AUTH_MODE: "token" },
    "gate,token": { AUTH_MODE: "gate,token", PROXY_API_KEY: gateKey },
    "no mode at all": { AUTH_MODE: undefined },
  };
  for (const [mode, env = {}] of Object.entries(setups)) {
    test(`is refused in ${mode}, and never goes up`, async () => {
      await using control = await openControl({ env });
      await refuseEverywhere(control, managementToken);
    });
  }
});

describe("a token", () => {
  test("is validated where anybody may call, and is never anything else", async () => {
    await using control = await openControl({ env: { AUTH_MODE: "open" } });
    const { id, token } = await control.createToken((await control.createProject()).id);
    const { seen } = await control.call({ token });
    expect(seen.map((one) => one.header("authorization"))).toEqual([`Bearer ${providerKeys.openai}`]);
    await control.manage("DELETE", `/manage/tokens/${id}`);
    const refused = await control.call({ token });
    expect([refusalOf(refused.answer), refused.seen.length]).toEqual(["401 token_inactive", 0]);
  });

  test("is validated behind a gate that lets no tokens in", async () => {
    await using control = await openControl({ env: { AUTH_MODE: "gate", PROXY_API_KEY: gateKey } });
    const { token } = await control.createToken((await control.createProject()).id);
    const { answer, seen } = await control.call({ token: "sk-weir-short", headers: [["x-weir-key", gateKey]] });
    expect([refusalOf(answer), seen.length]).toEqual(["401 token_invalid", 0]);
    expect((await control.call({ token })).seen.every(({ head }) => !head.includes("sk-weir-"))).toBe(true);
  });
});

describe("the first start without MANAGEMENT_TOKEN", () => {
  test("makes one, for its owner alone, and prints only where it is", async () => {
    await using control = await openControl({ env: { MANAGEMENT_TOKEN: undefined, AUTH_MODE: undefined } });
    const path = join(control.dataDirs[0] ?? "", "management-token");
    const made = (await readFile(path, "utf8")).trim();
    expect(made.length).toBeGreaterThanOrEqual(32);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(control.weirs[0]?.output()).not.toContain(made);
    expect(control.weirs[0]?.output()).toContain(path);
    const authorization = `Bearer ${made}`;
    expect((await control.manage("GET", "/manage/projects", undefined, { authorization })).status).toBe(200);
    expect((await control.manage("GET", "/manage/projects", undefined, { authorization: "Bearer wrong" })).status).toBe(
      401,
    );

    // It changes no mode: who called before may call still, but not with it.
    const own = await control.call({ token: "own-key" });
    expect(own.seen.map((seen) => seen.header("authorization"))).toEqual(["Bearer own-key"]);
    await refuseEverywhere(control, made);

    expect(await control.restart()).toBe(0);
    expect((await readFile(path, "utf8")).trim()).toBe(made);
    expect(control.weirs[0]?.output()).not.toContain(made);
    expect((await control.manage("GET", "/manage/projects", undefined, { authorization })).status).toBe(200);
  });

  test("is no matter where one is set", async () => {
    await using control = await openControl();
    expect(existsSync(join(control.dataDirs[0] ?? "", "management-token"))).toBe(false);
  });

  needs("script of util-linux", Bun.which("script") !== null)(
    "prints it on a terminal",
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "weir-terminal-"));
      const root = join(import.meta.dir, "../..");
      const command = [
        process.execPath,
        "--no-env-file",
        `--config=${root}/bunfig.toml`,
        `${root}/src/cli/main.ts`,
        "serve",
      ];
      const child = Bun.spawn(["script", "-qefc", `exec ${command.join(" ")}`, "/dev/null"], {
        cwd: folder,
        env: {
          PATH: process.env["PATH"],
          HOME: folder,
          PORT: "0",
          DATA_DIR: folder,
          BUN_CONFIG_MAX_HTTP_REQUESTS: "65336",
        },
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit",
      });
      try {
        let text = "";
        const decoder = new TextDecoder();
        for await (const bytes of child.stdout) {
          text += decoder.decode(bytes, { stream: true });
          if (text.includes("listens on")) break;
        }
        await Bun.sleep(300);
        const made = (await readFile(join(folder, "management-token"), "utf8")).trim();
        expect(text).toContain(made);
      } finally {
        child.kill("SIGTERM");
        await child.exited;
        await rm(folder, { recursive: true, force: true });
      }
    },
    30_000,
  );
});

describe("a start", () => {
  test("with MANAGEMENT_TOKEN alone stays up, lets tokens in and nobody else", async () => {
    await using weir = await startWeir({ env: { MANAGEMENT_TOKEN: managementToken } });
    for (const path of ["/health", "/ready", "/live"]) expect((await fetch(`${weir.url}${path}`)).status).toBe(200);
    const answer = await send(weir.port, { target: "/v1/models", headers: [["authorization", "Bearer own-key"]] });
    expect(answer.status).toBe(401);
    expect((await send(weir.port, { target: "/v1/models" })).header("x-weir-error")).toBe("credential_missing");
  });

  const faults: Readonly<Record<string, { env: Record<string, string>; name: string }>> = {
    "an unknown mode": { env: { AUTH_MODE: "tokens" }, name: "AUTH_MODE" },
    "a driver that isn't there": { env: { DB_DRIVER: "oracle" }, name: "DB_DRIVER" },
    "postgres without an address": { env: { DB_DRIVER: "postgres" }, name: "DATABASE_URL" },
    "a key that is no key": { env: { ENCRYPTION_KEY: "short" }, name: "ENCRYPTION_KEY" },
    "no key where one is required": { env: { REQUIRE_ENCRYPTION_KEY: "true" }, name: "ENCRYPTION_KEY" },
    "an operator's key for anybody beside a management token": {
      env: { AUTH_MODE: "open", UPSTREAM_API_KEY: "op-openai" },
      name: "ALLOW_OPEN_RELAY",
    },
  };
  for (const [what, { env, name }] of Object.entries(faults)) {
    test(`with ${what} is refused with the name of what is wrong`, async () => {
      const { code, stderr, stdout } = await runWeir({ env: { MANAGEMENT_TOKEN: managementToken, ...env } });
      expect(code).toBe(2);
      expect(stderr + stdout).toContain(name);
      expect(stderr + stdout).not.toContain(managementToken);
    });
  }

  test("DATABASE_URL of another program counts for nothing without DB_DRIVER=postgres", async () => {
    await using weir = await startWeir({
      env: { MANAGEMENT_TOKEN: managementToken, DATABASE_URL: "mysql://root:secret@127.0.0.1:1/other" },
    });
    expect((await fetch(`${weir.url}/ready`)).status).toBe(200);
    expect(weir.output()).not.toContain("root:secret");
  });
});

/** A credential that no mode lets in, in every place of every API. */
async function refuseEverywhere(control: Control, credential: string): Promise<void> {
  for (const family of familyNames) {
    const target = `/${family}${families[family].target}`;
    const headers = ["x-api-key", "x-goog-api-key", "api-key", "x-weir-key"].map((name) => [name, credential] as const);
    const calls = [
      { family, target, token: credential },
      { family, target: `${target}?key=${credential}` },
      ...headers.map((header) => ({ family, target, headers: [header] })),
    ];
    for (const [index, call] of calls.entries()) {
      const { answer, seen } = await control.call(call);
      expect([family, index, answer.status, seen.length]).toEqual([family, index, 401, 0]);
    }
  }
}
