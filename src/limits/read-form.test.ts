import { expect, test } from "bun:test";
import { readFormNote } from "./read-form.ts";

const path = "/v1/audio/transcriptions";

test("a form says its model, its user and how many answers are wanted, and the last of two counts", () => {
  const fields = [
    { name: "model", text: "whisper-1" },
    { name: "model", text: "gpt-4o-transcribe" },
    { name: "user", text: "alice" },
    { name: "n", text: "2" },
  ];
  expect(readFormNote("openai-media", { fields, bytes: 400, path })).toMatchObject({
    model: "gpt-4o-transcribe",
    user: "alice",
    choices: 2,
  });
  const odd = [
    { name: "model", text: undefined },
    { name: "user", text: "" },
    { name: "n", text: "many" },
    { name: "safety_identifier", text: "a".repeat(2_000) },
  ];
  const note = readFormNote("openai-media", { fields: odd, bytes: 400, path });
  expect([note.model, note.user, note.choices]).toEqual([undefined, undefined, undefined]);
});

test("its text is counted, its sound by its length, and its images each as one", () => {
  const prompt = { name: "prompt", text: "a cat" };
  const file = (name: string) => ({ name, text: undefined });
  const said = { fields: [file("file"), prompt], bytes: 160_005, path };
  expect(readFormNote("openai-media", said)).toMatchObject({ characters: 5, tokens: 100 });
  const images = { fields: [file("image[]"), file("mask"), prompt], bytes: 900_000, path: "/v1/images/edits" };
  expect(readFormNote("openai-media", images)).toMatchObject({ characters: 5, tokens: 1_530 });
  expect(readFormNote("openai-media", { fields: [prompt], bytes: 200, path })).toMatchObject({ tokens: 0 });
});
