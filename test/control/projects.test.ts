import { describe, expect, test } from "bun:test";
import {
  codeOf,
  expectStatus,
  type Managed,
  onEachDatabase,
  type Project,
  readCursor,
  readMinted,
  readProject,
  readProjects,
  readTokens,
  useControl,
} from "./control.ts";

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const key = "sk-proj-0123456789abcdefghij";
const masked = "sk-proj-...ghij";

onEachDatabase((kind) => {
  const find = useControl({ kind });
  const manage = (method: string, path: string, body?: unknown): Promise<Managed> => find().manage(method, path, body);
  const post = (body: unknown) => manage("POST", "/manage/projects", body);
  const patch = (project: Project, body: unknown) => manage("PATCH", `/manage/projects/${project.id}`, body);
  const get = async (id: string) => readProject(expectStatus(200, await manage("GET", `/manage/projects/${id}`)));
  const name = () => `project ${crypto.randomUUID()}`;

  describe("a new project", () => {
    test("has an id of its own, is active, and shows its keys masked at once and ever after", async () => {
      const title = name();
      const answer = expectStatus(
        201,
        await post({ name: title, provider_keys: { openai: key, anthropic: "sk-ant-9876543210zyxw" } }),
      );
      expect(answer.headers.get("content-type")).toStartWith("application/json");
      const project = readProject(answer);
      expect(project).toMatchObject({ name: title, is_active: true });
      expect(project.deactivated_at ?? null).toBeNull();
      expect(project.id).toMatch(uuidV7);
      expect(project.provider_keys).toEqual({ openai: masked, anthropic: "sk-ant-9...zyxw" });
      expect(Math.abs(Date.parse(project.created_at) - Date.now())).toBeLessThan(60_000);
      const shown = await get(project.id);
      expect(shown).toEqual(project);
      const answers = [
        answer,
        await manage("GET", `/manage/projects/${project.id}`),
        await manage("GET", "/manage/projects?format=array"),
        await patch(project, { name: name() }),
        await patch(project, { provider_keys: { openai: key } }),
      ];
      for (const { text } of answers) {
        expect(text).not.toContain(key);
        expect(text).not.toContain("sk-ant-9876543210zyxw");
      }
    });

    test("shows less of a short key", async () => {
      for (const short of ["abcdefghijkl", "abcde", "abcd", "a"]) {
        const project = await find().createProject({ provider_keys: { openai: short } });
        expect(project.provider_keys["openai"]).not.toContain(short);
        expect(project.provider_keys["openai"]?.length ?? 0).toBeGreaterThan(0);
        const revealed = (project.provider_keys["openai"] ?? "").replaceAll(/[^a-z]/g, "").length;
        expect(revealed).toBeLessThanOrEqual(Math.floor(short.length / 2));
      }
    });

    test("may be made inactive", async () => {
      const project = await find().createProject({ is_active: false });
      expect(project.is_active).toBe(false);
      const answer = await manage("POST", "/manage/tokens", { project_id: project.id, duration_minutes: 60 });
      expect(codeOf(answer)).toBe("403 project_inactive");
    });

    test("keeps its metadata and settings as they were given", async () => {
      const metadata = { team: "zoë", cost_centre: "7" };
      const settings = { use_operator_keys: false, allow_own_keys: true };
      const project = await find().createProject({ metadata, settings });
      expect(await get(project.id)).toMatchObject({ metadata, settings });
    });

    test("needs a name that no other has", async () => {
      const { name: taken } = await find().createProject();
      expect(codeOf(await post({ name: taken, provider_keys: {} }))).toBe("409 project_exists");
      const other = await find().createProject();
      expect(codeOf(await patch(other, { name: taken }))).toBe("409 project_exists");
      expect((await get(other.id)).name).toBe(other.name);
      const made = await Promise.all(Array.from({ length: 8 }, () => post({ name: "made eight times at once" })));
      expect(made.filter(({ status }) => status === 201).length).toBe(1);
      expect(made.filter(({ status }) => status === 409).length).toBe(7);
    });

    const faults: Readonly<Record<string, unknown>> = {
      "no JSON": "{",
      "something behind the JSON": '{"name":"trailing"} x',
      "an array": [],
      "no name": { provider_keys: { openai: key } },
      "an empty name": { name: "" },
      "a name that is a number": { name: 7 },
      "keys that are no object": { name: "keys", provider_keys: key },
      "a key that is a number": { name: "key", provider_keys: { openai: 7 } },
      "a masked key": { name: "masked", provider_keys: { openai: masked } },
      "a key hidden by asterisks": { name: "masked", openai_api_key: "sk-p****ghij" },
      "settings of the wrong kind": { name: "settings", settings: { allow_own_keys: "yes" } },
      "an is_active that is a text": { name: "active", is_active: "true" },
    };
    for (const [what, body] of Object.entries(faults)) {
      test(`with ${what} is refused with 400`, async () => {
        const answer = await post(body);
        expect(codeOf(answer)).toBe("400 body_invalid");
        expect(answer.headers.get("content-type")).toStartWith("application/json");
      });
    }

    test("with a field that nobody knows is refused by its name, in what it holds too", async () => {
      for (const body of [
        { name: name(), base_url: "http://127.0.0.1:1" },
        { name: name(), settings: { base_url: "http://127.0.0.1:1" } },
      ]) {
        const answer = await post(body);
        expect(codeOf(answer)).toBe("400 body_invalid");
        expect(answer.text).toContain("base_url");
      }
    });

    test("of more than a megabyte is refused", async () => {
      const answer = await post({ name: name(), metadata: { text: "x".repeat(1 << 20) } });
      expect([400, 413]).toContain(answer.status);
      expect(codeOf(answer)).toContain("body_");
    });
  });

  describe("a changed project", () => {
    test("tells the time of its deactivation, forgets it with its activation, and mints nothing in between", async () => {
      const project = await find().createProject();
      const closed = readProject(expectStatus(200, await patch(project, { is_active: false })));
      expect(closed.is_active).toBe(false);
      expect(Math.abs(Date.parse(closed.deactivated_at ?? "") - Date.now())).toBeLessThan(60_000);
      expect(await get(project.id)).toEqual(closed);
      const mint = () => manage("POST", "/manage/tokens", { project_id: project.id, duration_minutes: 60 });
      expect(codeOf(await mint())).toBe("403 project_inactive");
      const opened = readProject(expectStatus(200, await patch(project, { is_active: true })));
      expect([opened.is_active, opened.deactivated_at ?? null]).toEqual([true, null]);
      expectStatus(201, await mint());
    });

    test("stays as it was where the change is refused", async () => {
      const project = await find().createProject();
      for (const body of [
        { name: "" },
        { provider_keys: { openai: masked } },
        { openai_api_key: "sk-u...6789" },
        { name: "never", unknown_field: 1 },
        { revoke_tokens: true },
        { revoke_tokens: true, is_active: true },
        "{",
      ])
        expect([body, (await patch(project, body)).status]).toEqual([body, 400]);
      expect(await get(project.id)).toEqual(project);
    });

    test("keeps the keys and settings that the change doesn't name, and loses the key that it names as null", async () => {
      const project = await find().createProject({ settings: { use_operator_keys: false } });
      const body = { provider_keys: { openai: key }, settings: { allow_own_keys: true } };
      const changed = readProject(expectStatus(200, await patch(project, body)));
      expect(changed.provider_keys).toEqual({ ...project.provider_keys, openai: masked });
      expect(changed.settings).toMatchObject({ use_operator_keys: false, allow_own_keys: true });
      const without = readProject(expectStatus(200, await patch(project, { provider_keys: { openai: null } })));
      expect(Object.keys(without.provider_keys).toSorted()).toEqual(["anthropic", "gemini"]);
    });

    test("with a key that looks sealed is no trouble for any list", async () => {
      const project = await find().createProject();
      const answer = await patch(project, { provider_keys: { openai: "enc:v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } });
      expect([200, 400]).toContain(answer.status);
      expectStatus(200, await manage("GET", "/manage/projects?format=array"));
      expect((await get(project.id)).id).toBe(project.id);
    });

    test("revokes its tokens with its deactivation, where it is told to", async () => {
      const project = await find().createProject();
      for (let count = 0; count < 3; count += 1) await find().createToken(project.id);
      expectStatus(200, await patch(project, { is_active: false, revoke_tokens: true }));
      const tokens = readTokens(await manage("GET", `/manage/tokens?project_id=${project.id}`));
      expect(tokens.map(({ is_active: active }) => active)).toEqual([false, false, false]);
    });
  });

  test("no project is ever deleted", async () => {
    const project = await find().createProject();
    const answer = await manage("DELETE", `/manage/projects/${project.id}`);
    expect(codeOf(answer)).toBe("405 method_not_allowed");
    expect(answer.headers.get("allow")).toBe("GET, PATCH");
    expect((await get(project.id)).is_active).toBe(true);
  });

  test("what nobody made is not found, whatever its id looks like", async () => {
    const ids = [
      crypto.randomUUID(),
      "1",
      "x",
      "'; DROP TABLE projects; --",
      "%2e%2e",
      "\u0000",
      "a/b",
      "é",
      "x".repeat(2000),
    ];
    for (const id of ids) {
      const path = `/manage/projects/${encodeURIComponent(id)}`;
      for (const [method, body] of [
        ["GET", undefined],
        ["PATCH", { name: name() }],
      ] as const) {
        const answer = await manage(method, path, body);
        expect([id, [400, 404, 414].includes(answer.status)]).toEqual([id, true]);
      }
    }
    expect(codeOf(await manage("GET", `/manage/projects/${crypto.randomUUID()}`))).toBe("404 project_not_found");
    expect(codeOf(await manage("POST", `/manage/projects/${crypto.randomUUID()}/tokens/revoke`))).toBe(
      "404 project_not_found",
    );
  });

  test("all tokens of a project are revoked at once, and a second time none", async () => {
    const project = await find().createProject();
    const minted = await Promise.all(Array.from({ length: 4 }, () => find().createToken(project.id)));
    const other = await find().createToken((await find().createProject()).id);
    expectStatus(204, await manage("DELETE", `/manage/tokens/${minted[0]?.id}`));
    for (const { token } of minted.slice(1)) expect((await find().call({ token })).answer.status).toBe(200);
    const revoke = async () =>
      expectStatus(200, await manage("POST", `/manage/projects/${project.id}/tokens/revoke`)).json;
    expect(await revoke()).toEqual({ revoked_count: 3, already_revoked_count: 1, total_tokens: 4 });
    for (const { token } of minted) {
      const { answer, seen } = await find().call({ token });
      expect([answer.header("x-weir-error"), seen.length]).toEqual(["token_inactive", 0]);
    }
    expect(await revoke()).toEqual({ revoked_count: 0, already_revoked_count: 4, total_tokens: 4 });
    expect((await find().call({ token: other.token })).answer.status).toBe(200);
  });

  describe("the list of projects", () => {
    test("is walked by its cursor, each project once", async () => {
      const made = await Promise.all(Array.from({ length: 7 }, () => find().createProject()));
      const ids: string[] = [];
      let cursor: string | undefined;
      do {
        const query: string = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        const page = expectStatus(200, await manage("GET", `/manage/projects?limit=3${query}`));
        expect(readProjects(page).length).toBeLessThanOrEqual(3);
        ids.push(...readProjects(page).map(({ id }) => id));
        cursor = readCursor(page);
      } while (cursor !== undefined);
      expect(new Set(ids).size).toBe(ids.length);
      for (const { id } of made) expect(ids).toContain(id);
    });

    test("may be a bare array, may be searched, and may leave out the inactive", async () => {
      const word = crypto.randomUUID();
      const [one, two] = [
        await find().createProject({ name: `a ${word}` }),
        await find().createProject({ name: `b ${word}` }),
      ];
      expectStatus(200, await patch(two, { is_active: false }));
      const list = async (query: string) => {
        const answer = expectStatus(200, await manage("GET", `/manage/projects?search=${word}${query}`));
        return readProjects(answer)
          .map(({ id }) => id)
          .toSorted();
      };
      expect(await list("")).toEqual([one.id, two.id].toSorted());
      expect(await list("&active=true")).toEqual([one.id]);
      expect(await list("&active=false")).toEqual([two.id]);
      const bare = expectStatus(200, await manage("GET", `/manage/projects?format=array&search=${word}`)).json;
      expect(bare).toBeArrayOfSize(2);
      for (const pattern of ["%25", "_", "%27"]) {
        const found = readProjects(await manage("GET", `/manage/projects?search=${pattern}`));
        expect(found.every(({ name: title }) => title.includes(decodeURIComponent(pattern)))).toBe(true);
      }
    });

    test("has page and page_size too, and no query makes it fail", async () => {
      const sizes = await Promise.all(
        ["page=1&page_size=2", "page=2&page_size=2"].map(async (query) =>
          readProjects(expectStatus(200, await manage("GET", `/manage/projects?${query}`))).map(({ id }) => id),
        ),
      );
      expect(sizes.map((ids) => ids.length)).toEqual([2, 2]);
      expect(new Set(sizes.flat()).size).toBe(4);
      for (const query of [
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=101",
        "limit=1e9",
        "cursor=x",
        "cursor=%00",
        "page=-1",
        "page_size=0",
        "active=x",
        "format=x",
      ]) {
        const { status } = await manage("GET", `/manage/projects?${query}`);
        expect([query, [200, 400].includes(status)]).toEqual([query, true]);
      }
    });
  });

  test("a token of a project lives as long as its duration says", async () => {
    const project = await find().createProject();
    const made = readMinted(
      expectStatus(201, await manage("POST", "/manage/tokens", { project_id: project.id, duration: "24h" })),
    );
    expect(Math.abs(Date.parse(made.expires_at ?? "") - Date.now() - 86_400_000)).toBeLessThan(60_000);
  });
});
