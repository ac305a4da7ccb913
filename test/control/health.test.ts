import { expect, test } from "bun:test";
import { z } from "zod";
import { waitFor } from "../weir.ts";
import { openControl, providerKeys } from "./control.ts";

const apiHealth = z.looseObject({ upstream: z.record(z.string(), z.string()) });

test("a provider counts as configured as soon as a project has a key for it", async () => {
  await using control = await openControl();
  const read = async () => apiHealth.parse((await control.manage("GET", "/api/health")).json).upstream;
  expect(await read()).toMatchObject({ anthropic: "not_configured", gemini: "not_configured" });
  await control.createProject({ provider_keys: { anthropic: providerKeys.anthropic } });
  const after = await waitFor(async () => {
    const upstream = await read();
    return upstream["anthropic"] === "not_configured" ? undefined : upstream;
  }, "A project's key changes nothing");
  expect(after).toMatchObject({ anthropic: "ok", gemini: "not_configured" });
});

test("no page of state needs a token, and none tells of projects", async () => {
  await using control = await openControl();
  const project = await control.createProject({ name: "a secret project" });
  const { token, id } = await control.createToken(project.id);
  await control.call({ token });
  for (const path of ["/live", "/ready", "/health", "/api/health"]) {
    const answer = await control.manage("GET", path, undefined, { authorization: null });
    expect([path, answer.status]).toEqual([path, 200]);
    for (const text of [project.name, id, token]) expect(answer.text).not.toContain(text);
  }
});
