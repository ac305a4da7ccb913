import { expect, test } from "bun:test";
import type { ProviderState } from "../../src/management/parts.ts";
import { makeSqlitePlace } from "../storage.ts";
import { expectStatus, faultOf, openStage } from "./stage.ts";

test("providers are told with where they are and how they are, never with a key", async () => {
  await using place = await makeSqlitePlace();
  const states: readonly ProviderState[] = [
    {
      name: "openai",
      family: "openai",
      baseUrl: "https://api.openai.com",
      routes: ["/openai/", "/v1/"],
      hasKey: true,
      status: "ok",
      errorRate: 0.25,
    },
    {
      name: "kimi",
      family: "anthropic",
      baseUrl: "https://kimi.example",
      routes: ["/kimi/"],
      hasKey: false,
      status: "unreachable",
    },
  ];
  await using stage = await openStage(place, { describeProviders: () => Promise.resolve(states) });
  const { json } = await expectStatus(200, stage.ask("GET", "/manage/providers"));
  expect(json).toEqual({
    providers: [
      {
        name: "openai",
        dialect: "openai",
        base_url: "https://api.openai.com",
        routes: ["/openai/", "/v1/"],
        key: "set",
        status: "ok",
        error_rate: 0.25,
      },
      {
        name: "kimi",
        dialect: "anthropic",
        base_url: "https://kimi.example",
        routes: ["/kimi/"],
        key: "not_set",
        status: "unreachable",
        error_rate: null,
      },
    ],
    next_cursor: null,
  });
});

test("the configuration is told line by line, with where each came from", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const { json } = await expectStatus(200, stage.ask("GET", "/manage/config"));
  expect(json).toEqual({
    version: "1.2.3",
    settings: [
      { name: "PORT", value: "3000", source: "default" },
      { name: "MANAGEMENT_TOKEN", value: "set", source: "environment" },
      { name: "DATABASE_PATH", value: null, source: "default" },
    ],
  });
});

test("without a cache there is nothing to purge, however it is asked", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const purge = (body: unknown) => stage.ask("POST", "/manage/cache/purge", body);
  const bodies = [{ all: true }, { prefix: "/v1" }, { method: "GET", url: "/v1/models" }, { project_id: "x" }, {}];
  for (const body of bodies) expect(await faultOf(purge(body))).toBe("400 cache_off");
  expect((await purge({ all: true })).text).toContain("caching is disabled");
  for (const body of ["{", { everything: true }, []]) expect(await faultOf(purge(body))).toBe("400 body_invalid");
});
