import { expect, test } from "bun:test";
import { runWeir } from "../weir.ts";
import { managementToken, openControl, useControl } from "./control.ts";

const find = useControl();

/** Runs `weir manage …` against the test's program, and gives what it printed as JSON. */
async function manage(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(...args, "--json");
  if (code !== 0) throw new Error(`weir manage ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

function run(...args: string[]): ReturnType<typeof runWeir> {
  const env = { MANAGEMENT_API_BASE_URL: find().weirs[0]?.url ?? "", MANAGEMENT_TOKEN: managementToken };
  return runWeir({ args: ["manage", ...args], env });
}

test("a project is made, shown, changed, closed and opened from the command line", async () => {
  const made = await manage(
    "project",
    "create",
    "--name",
    "from the shell",
    "--openai-key",
    "sk-up-shell-0123456789",
    "--key",
    "gemini=sk-up-gemini-0123456789",
  );
  const id = String(made["id"]);
  expect(made).toMatchObject({
    name: "from the shell",
    provider_keys: { openai: "sk-up-sh...6789", gemini: "sk-up-ge...6789" },
  });
  expect(await manage("project", "get", id)).toMatchObject({ id, is_active: true });
  expect(JSON.stringify(await manage("project", "list"))).toContain(id);
  expect(await manage("project", "update", id, "--name", "renamed")).toMatchObject({ name: "renamed" });
  expect(await manage("project", "deactivate", id)).toMatchObject({ is_active: false });
  expect(await manage("project", "activate", id)).toMatchObject({ is_active: true });

  const deleted = await run("project", "delete", id);
  expect(deleted.code).not.toBe(0);
  expect(deleted.stdout + deleted.stderr).toContain("deactivate");
  expect(await manage("project", "get", id)).toMatchObject({ is_active: true });
}, 60_000);

test("a token is made, works, is shown masked, changed and revoked from the command line", async () => {
  const project = await find().createProject();
  const made = await manage("token", "create", "--project-id", project.id, "--duration", "24h", "--max-requests", "5");
  const id = String(made["id"]);
  expect(Math.abs(Date.parse(String(made["expires_at"])) - Date.now() - 86_400_000)).toBeLessThan(20_000);
  expect((await find().call({ token: String(made["token"]) })).answer.status).toBe(200);
  expect(await manage("token", "get", id)).toMatchObject({ id, max_requests: 5, request_count: 1 });
  expect(JSON.stringify(await manage("token", "list", "--project-id", project.id))).not.toContain(
    String(made["token"]),
  );
  expect(await manage("token", "update", id, "--max-requests", "9")).toMatchObject({ max_requests: 9 });
  expect((await run("token", "revoke", id)).code).toBe(0);
  expect(await manage("token", "get", id)).toMatchObject({ is_active: false });

  const old = await manage("token", "generate", "--project-id", project.id, "--duration", "24");
  expect(Math.abs(Date.parse(String(old["expires_at"])) - Date.now() - 86_400_000)).toBeLessThan(20_000);
}, 60_000);

test("the audit is listed and verified from the command line, as the command line's own", async () => {
  const made = await manage("project", "create", "--name", "audited", "--openai-key", "sk-up-shell-0123456789");
  const listed = JSON.stringify(await manage("audit", "list"));
  expect(listed).toContain(String(made["id"]));
  expect(listed).toContain('"cli"');
  expect(await manage("audit", "verify")).toMatchObject({ ok: true });
}, 60_000);

test("a key is read from stdin, and nothing prints one", async () => {
  const root = `${import.meta.dir}/../..`;
  const child = Bun.spawn(
    [
      process.execPath,
      "--no-env-file",
      `--config=${root}/bunfig.toml`,
      `${root}/src/cli/main.ts`,
      "manage",
      "project",
      "create",
      "--name",
      "by stdin",
      "--openai-key",
      "-",
    ],
    {
      cwd: find().folder,
      env: {
        PATH: process.env["PATH"],
        HOME: find().folder,
        MANAGEMENT_API_BASE_URL: find().weirs[0]?.url,
        MANAGEMENT_TOKEN: managementToken,
      },
      stdin: new TextEncoder().encode("sk-up-stdin-0123456789\n"),
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const [out, error, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  expect([code, error.includes("sk-up-stdin-0123456789"), out.includes("sk-up-stdin-0123456789")]).toEqual([
    0,
    false,
    false,
  ]);
  const { token } = await find().createToken(await idOf("by stdin"));
  expect((await find().call({ token })).seen[0]?.header("authorization")).toBe("Bearer sk-up-stdin-0123456789");
}, 60_000);

test("each way to fail has its exit code, and says what to do", async () => {
  expect((await run("project", "get", crypto.randomUUID())).code).toBe(1);
  expect((await run("project", "explode")).code).toBe(2);
  expect((await run("project", "create")).code).toBe(2);
  const nobody = await runWeir({
    args: ["manage", "project", "list"],
    env: { MANAGEMENT_API_BASE_URL: "http://127.0.0.1:1", MANAGEMENT_TOKEN: managementToken },
  });
  expect(nobody.code).toBe(3);
  expect(nobody.stderr).toContain("127.0.0.1:1");
  const wrong = await runWeir({
    args: ["manage", "project", "list", "--management-token", "wrong"],
    env: { MANAGEMENT_API_BASE_URL: find().weirs[0]?.url ?? "" },
  });
  expect(wrong.code).toBe(1);
  expect(wrong.stdout + wrong.stderr).not.toContain(managementToken);
}, 60_000);

test("migrations go down and up again, and say where they are", async () => {
  await using control = await openControl();
  expect(await control.weirs[0]?.stop()).toBe(0);
  const migrate = (command: string) =>
    runWeir({
      args: ["migrate", command],
      env: { ...control.store.env, DATA_DIR: control.dataDirs[0] ?? "", MANAGEMENT_TOKEN: managementToken },
    });
  for (const command of ["status", "version", "up", "down", "up"]) {
    const { code, stdout, stderr } = await migrate(command);
    expect([command, code, stderr]).toEqual([command, 0, stderr]);
    expect(stdout.length).toBeGreaterThan(0);
  }
}, 60_000);

/** The id of the project of this name. */
async function idOf(name: string): Promise<string> {
  const { json } = await find().manage("GET", `/manage/projects?search=${encodeURIComponent(name)}&format=array`);
  const [project] = json as readonly { readonly id: string }[];
  if (project === undefined) throw new Error(`There is no project ${name}`);
  return project.id;
}
