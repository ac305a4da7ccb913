import { runInNewContext } from "node:vm";
import { expect, test } from "bun:test";
import { makeSqlitePlace } from "../storage.ts";
import { askDescription } from "./openapi.ts";
import { managementToken, openStage, type Stage } from "./stage.ts";

test("the page is shown to anybody, runs nothing but its own script, and loads nothing from anywhere", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const ask = () => stage.ask("GET", "/api/docs", undefined, { authorization: null });
  const { status, headers, text } = await ask();
  expect(status).toBe(200);
  expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
  const policy = headers.get("content-security-policy") ?? "";
  const [, nonce = ""] = /script-src 'nonce-([^']+)'/.exec(policy) ?? [];
  expect(Buffer.from(nonce, "base64").length).toBe(16);
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain("unsafe");
  const tags = text.match(/<(?:script|style|link|img|iframe)\b[^>]*>/g) ?? [];
  expect(tags.toSorted()).toEqual([
    '<link rel="icon" href="data:," />',
    `<script type="module" nonce="${nonce}">`,
    `<style nonce="${nonce}">`,
  ]);
  expect(text).not.toMatch(/https?:\/\/|\bstyle="|\bon[a-z]+="|innerHTML|\{\{/);
  expect(/nonce="([^"]+)"/.exec((await ask()).text)?.[1]).not.toBe(nonce);
});

test("it tells who sends no right token what is wrong, and shows nothing", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const page = await openPage(stage);
  await page.submit("wrong");
  expect(page.byId("trouble").text()).toContain("invalid management token");
  expect(page.byId("trouble").hidden).toBe(false);
  expect(page.byId("layout").hidden).toBe(true);
});

test("it shows every operation with its parameters, schemas, examples, answers and a command", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const { operations } = await askDescription(stage);
  const page = await openPage(stage);
  await page.submit(managementToken);
  expect(page.byId("trouble").hidden).toBe(true);
  expect(page.byId("layout").hidden).toBe(false);
  const shown = page.byId("operations").text();
  const contents = page.byId("contents").text();
  for (const { method, path, operation } of operations) {
    expect(shown).toContain(`${method} ${path}`);
    expect(contents).toContain(`${method} ${path}`);
    expect(shown).toContain(operation.summary);
    for (const { name } of operation.parameters) expect(shown).toContain(name);
  }
  for (const part of [
    "never_expires",
    "max_requests",
    "365 days",
    "project_inactive",
    "param_whitelist",
    "<any name>",
    "sk-proj-...wxyz",
    "x-weir-exchange-id",
  ])
    expect([part, shown.includes(part)]).toEqual([part, true]);
  expect(shown).toContain("curl -X POST http://127.0.0.1:3000/manage/tokens");
  expect(shown).toContain('-H "Authorization: Bearer $MANAGEMENT_TOKEN"');
  expect(page.byId("operations").text()).not.toContain("undefined");

  page.filter("revoke");
  const left = page.sections().filter(({ hidden }) => !hidden);
  expect(left.map((section) => section.attributes.get("id") ?? "").toSorted()).toEqual([
    "delete-manage-tokens-id-",
    "post-manage-projects-id-tokens-revoke",
  ]);
});

test("the commands that it shows are taken", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const { operations } = await askDescription(stage);
  const page = await openPage(stage);
  await page.submit(managementToken);
  for (const { method, path } of operations.filter(({ own }) => own)) {
    const start = `curl${method === "GET" ? "" : ` -X ${method}`} http://127.0.0.1:3000`;
    const pattern = new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, "(?:[0-9a-f-]{36}|langfuse)")}(?: |$)`);
    const command =
      page.commands().find((each) => each.startsWith(start) && pattern.test(each.slice(start.length))) ?? "";
    const [target = ""] = command.slice(start.length).split(" ", 1);
    const { status, headers } = await stage.ask(method, target, /-d '(.*)'$/.exec(command)?.[1]);
    const told = headers.get("x-weir-error");
    // What the examples name isn't there, or is there already.
    expect([method, path, told ?? status]).toEqual([
      method,
      path,
      told === null ? status : expect.stringMatching(expected),
    ]);
  }
});

const expected =
  /^(?:project|token|audit_entry|exchange|sink)_not_found$|^telemetry_unavailable$|^method_not_allowed$|^cache_off$/;

/** As much of an element as the page uses. */
class FakeElement {
  readonly attributes = new Map<string, string>();
  readonly listeners = new Map<string, (event: object) => unknown>();
  children: (FakeElement | string)[] = [];
  hidden = false;
  value = "";

  readonly tag: string;

  constructor(tag: string) {
    this.tag = tag;
  }

  set textContent(text: string) {
    this.children = [text];
  }

  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value);
  }

  getAttribute(name: string): string | null {
    return this.attributes.get(name) ?? null;
  }

  append(...children: (FakeElement | string)[]): void {
    for (const child of children) {
      if (!(child instanceof FakeElement) && typeof child !== "string") throw new Error(`${String(child)} is no node`);
      this.children.push(child);
    }
  }

  replaceChildren(...children: (FakeElement | string)[]): void {
    this.children = [];
    this.append(...children);
  }

  addEventListener(type: string, listener: (event: object) => unknown): void {
    this.listeners.set(type, listener);
  }

  all(): readonly FakeElement[] {
    return [this, ...this.children.flatMap((child) => (typeof child === "string" ? [] : child.all()))];
  }

  text(): string {
    return this.children.map((child) => (typeof child === "string" ? child : child.text())).join("");
  }
}

/** Runs the page's script as a browser would. */
async function openPage(stage: Stage) {
  const { text } = await stage.ask("GET", "/api/docs", undefined, { authorization: null });
  const [, script = ""] = /<script[^>]*>([^]*)<\/script>/.exec(text) ?? [];
  const ids = [...text.matchAll(/<(\w+)[^>]* id="(\w+)"([^>]*)>/g)].map(([, tag = "", id = "", rest = ""]) => {
    const element = new FakeElement(tag);
    element.hidden = rest.includes("hidden");
    return [id, element] as const;
  });
  const byId = new Map(ids);
  const find = (id: string): FakeElement => {
    const element = byId.get(id);
    if (!element) throw new Error(`The page has no element ${id}`);
    return element;
  };
  const everything = () => [...byId.values()].flatMap((element) => element.all());
  const document = {
    getElementById: (id: string) => byId.get(id) ?? null,
    createElement: (tag: string) => new FakeElement(tag),
    querySelectorAll: (selector: string) => {
      expect(selector).toBe("[data-text]");
      return everything().filter(({ attributes }) => attributes.has("data-text"));
    },
  };
  const answers: Promise<Response>[] = [];
  const fetchHere = (path: string, init: RequestInit) => {
    const answer = stage.fetch(new Request(`http://127.0.0.1:3000${path}`, init));
    answers.push(answer);
    return answer;
  };
  runInNewContext(script, { document, fetch: fetchHere, location: { origin: "http://127.0.0.1:3000" }, navigator: {} });
  const isCommand = (element: FakeElement) => element.tag === "pre" && element.text().startsWith("curl");
  return {
    byId: find,
    sections: () => everything().filter(({ tag }) => tag === "section"),
    commands: () =>
      everything()
        .filter(isCommand)
        .map((element) => element.text().replaceAll(" \\\n  ", " ")),
    async submit(token: string) {
      find("token").value = token;
      find("entrance").listeners.get("submit")?.({ preventDefault: () => {} });
      await Promise.all(answers);
      await Bun.sleep(10);
    },
    filter(word: string) {
      find("filter").value = word;
      find("filter").listeners.get("input")?.({});
    },
  };
}
