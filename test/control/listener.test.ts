import { createServer } from "node:net";
import { expect, test } from "bun:test";
import { findFreePort } from "../free-port.ts";
import { runWeir } from "../weir.ts";
import { codeOf, managementToken, openControl, readMinted, readProject, refusalOf } from "./control.ts";

const managing = [
  "/manage/projects",
  "/manage/openapi.json",
  "/manage/audit",
  "/metrics",
  "/metrics.json",
  "/metrics/prometheus",
  "/admin",
  "/admin/",
  "/api/docs",
];

test("with MANAGEMENT_LISTEN_ADDR what manages answers there alone, and is 404 on the main listener", async () => {
  const address = `127.0.0.1:${await findFreePort()}`;
  await using control = await openControl({ env: { MANAGEMENT_LISTEN_ADDR: address } });
  const there = { url: `http://${address}` };
  for (const path of managing) expect([path, (await control.manage("GET", path)).status]).toEqual([path, 404]);
  for (const path of ["/live", "/ready", "/health", "/api/health"])
    expect([path, (await control.manage("GET", path)).status]).toEqual([path, 200]);

  expect(codeOf(await control.manage("GET", "/manage/projects", undefined, { ...there, authorization: null }))).toBe(
    "401 credential_missing",
  );
  for (const path of ["/manage/projects", "/metrics"])
    expect([path, (await control.manage("GET", path, undefined, there)).status]).toEqual([path, 200]);
  const body = { name: "one", openai_api_key: "sk-up-0123456789abcdef" };
  const project = readProject(await control.manage("POST", "/manage/projects", body, there));
  const asked = { project_id: project.id, duration_minutes: 5 };
  const { token } = readMinted(await control.manage("POST", "/manage/tokens", asked, there));

  const { answer, seen } = await control.call({ token });
  expect([refusalOf(answer), seen[0]?.header("authorization")]).toEqual(["200", "Bearer sk-up-0123456789abcdef"]);
});

test("a MANAGEMENT_LISTEN_ADDR that is taken is an error at start", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    const { code, stderr, stdout } = await runWeir({
      env: { MANAGEMENT_TOKEN: managementToken, MANAGEMENT_LISTEN_ADDR: `127.0.0.1:${portOf(server)}` },
    });
    expect([1, 2]).toContain(code);
    expect(stdout + stderr).toContain(String(portOf(server)));
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

function portOf(server: ReturnType<typeof createServer>): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("There is no port");
  return address.port;
}
