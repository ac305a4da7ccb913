import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../load-config.ts";
import { type ConnectionOptions, findConnection, readBaseUrl } from "./connection.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "weir-connection-"));
  await mkdir(join(directory, "data"));
  await writeFile(join(directory, "data/management-token"), "token-of-the-file\n");
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** Finds it where the working directory has this `.env`. */
async function find(
  options: ConnectionOptions,
  env: Readonly<Record<string, string>> = {},
  dotenv = "",
): Promise<readonly string[]> {
  const text = `DATA_DIR=${join(directory, "data")}\n${dotenv}`;
  await writeFile(join(directory, ".env"), text);
  const { baseUrl, token } = await findConnection({ options, env, load: () => loadConfig({ env, directory }) });
  return [baseUrl, token];
}

function faultOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test("without a word it is this directory's gateway, with the token that it made for itself", async () => {
  expect(await find({})).toEqual(["http://127.0.0.1:3000", "token-of-the-file"]);
  expect(await find({}, {}, "LISTEN_ADDR=:4001")).toEqual(["http://127.0.0.1:4001", "token-of-the-file"]);
  const own = "PORT=4001\nMANAGEMENT_LISTEN_ADDR=[::1]:4002\nMANAGEMENT_TOKEN=token-of-dotenv";
  expect(await find({}, {}, own)).toEqual(["http://[::1]:4002", "token-of-dotenv"]);
  expect(await find({}, {}, "MANAGEMENT_API_BASE_URL=http://127.0.0.1:4003")).toEqual([
    "http://127.0.0.1:4003",
    "token-of-the-file",
  ]);
});

test("options beat the environment, which beats the configuration", async () => {
  const env = { MANAGEMENT_API_BASE_URL: "http://127.0.0.1:5000", MANAGEMENT_TOKEN: "token-of-env" };
  const dotenv = "MANAGEMENT_API_BASE_URL=http://127.0.0.1:5001\nMANAGEMENT_TOKEN=token-of-dotenv";
  expect(await find({}, env, dotenv)).toEqual(["http://127.0.0.1:5000", "token-of-env"]);
  const options = { manageApiBaseUrl: "http://127.0.0.1:5002", managementToken: "token-of-option" };
  expect(await find(options, env, dotenv)).toEqual(["http://127.0.0.1:5002", "token-of-option"]);
});

test("the token that a gateway made for itself goes to no other machine", async () => {
  const elsewhere = { manageApiBaseUrl: "https://weir.example.com" };
  expect(await faultOf(find(elsewhere))).toMatchObject({
    code: 2,
    message: expect.stringContaining("this machine's gateway"),
  });
  expect(await find(elsewhere, { MANAGEMENT_TOKEN: "named" })).toEqual(["https://weir.example.com", "named"]);
});

test("no token at all, or a configuration with faults in its place, is a mistake that says what to do", async () => {
  expect(await faultOf(find({}, {}, "DATA_DIR=/nowhere"))).toMatchObject({
    code: 2,
    message: expect.stringMatching(
      /^There is no management token: set MANAGEMENT_TOKEN.* \/nowhere\/management-token can't be read \(ENOENT\)\. Start the gateway once in this directory: it makes it$/,
    ),
  });
  expect(await faultOf(find({}, {}, "HOST=?"))).toMatchObject({
    code: 2,
    message: expect.stringContaining("HOST must be"),
  });
  expect(await find({}, { MANAGEMENT_TOKEN: "named" }, "HOST=?")).toEqual(["http://127.0.0.1:3000", "named"]);
});

test("an address may end with a slash or with the API's own path, and must be a plain URL", () => {
  for (const written of ["https://weir/x", "https://weir/x/", "https://weir/x/manage", "https://weir/x/manage/"])
    expect(readBaseUrl(written)).toBe("https://weir/x");
  expect(readBaseUrl("http://127.0.0.1:3000/manage")).toBe("http://127.0.0.1:3000");
  for (const written of ["weir:3000", "ftp://weir", "https://user:secret@weir", "https://weir/?a=1", ""])
    expect(() => readBaseUrl(written)).toThrow(/must be a URL/);
});
