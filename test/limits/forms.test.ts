import { expect, test } from "bun:test";
import type { Asked } from "./ask.ts";
import { openStage, type Stage } from "./stage.ts";

const hi = new Uint8Array(3_000).fill(7);

/** A call with a form, as SDKs send it. */
async function askForm(stage: Stage, target: string, fields: Readonly<Record<string, string>>, asked: Asked = {}) {
  const form = new FormData();
  form.append("file", new File([hi], "a.bin"));
  for (const [name, text] of Object.entries(fields)) form.append(name, text);
  const sent = new Response(form);
  const type = sent.headers.get("content-type") ?? "";
  const body = new Uint8Array(await sent.arrayBuffer());
  return stage.ask({ ...asked, target, body, headers: { "content-type": type, ...asked.headers } });
}

const transcriptions = "/v1/audio/transcriptions";
const refused = "429 rate_limit_exceeded";

test("a model's figure holds for the model that a form names, and a user's for its user", async () => {
  await using stage = await openStage({
    yaml: `limits:
  overrides:
    model: { "whisper-1": { requests_per_minute: 1 } }
    user: { alice: { requests_per_minute: 1 } }`,
  });
  const ask = (fields: Readonly<Record<string, string>>) => askForm(stage, transcriptions, fields);
  expect((await ask({ model: "whisper-1" })).told).toBe("200");
  const { told, limit } = await ask({ model: "whisper-1" });
  expect([told, limit.scope]).toEqual([refused, "model"]);
  expect((await ask({ model: "gpt-4o-transcribe", user: "alice" })).told).toBe("200");
  expect((await ask({ model: "gpt-4o-transcribe", user: "alice" })).limit.scope).toBe("user");
  expect((await ask({ model: "gpt-4o-transcribe" })).told).toBe("200");
  // What goes up is what came.
  expect(stage.provider.reached[0]?.body).toContain("whisper-1");
});

test("a hard budget refuses a form whose model costs more than is left", async () => {
  await using stage = await openStage();
  const budget = (amount: string) => ({ budget: [{ amount_usd: amount, period: "day", hard: true }] });
  const token = await stage.mint({}, budget("0.0001"));
  const asked = await Promise.all(
    [1, 2, 3].map(() => askForm(stage, "/v1/images/edits", { model: "gpt-4o", prompt: "a cat" }, { token })),
  );
  expect(asked.map(({ told }) => told)).toEqual(["402 budget_exceeded", "402 budget_exceeded", "402 budget_exceeded"]);
  expect(stage.provider.reached).toEqual([]);
  // The bytes of sound are no text.
  const rich = await stage.mint({}, budget("0.001"));
  const heard = await askForm(stage, transcriptions, { model: "gpt-4o-transcribe" }, { token: rich });
  expect(heard.told).toBe("200");
});

test("a form names a priced model where only priced ones may be used", async () => {
  await using stage = await openStage({ env: { UNPRICED: "refuse" } });
  const edit = (model: string) => askForm(stage, "/v1/images/edits", { model, prompt: "a cat" });
  expect((await edit("gpt-4o")).told).toBe("200");
  expect((await edit("mystery-9000")).told).toBe("402 model_unpriced");
});
