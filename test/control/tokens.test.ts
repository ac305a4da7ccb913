import { describe, expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import {
  codeOf,
  expectStatus,
  type Managed,
  onEachDatabase,
  readCursor,
  readMinted,
  readToken,
  readTokens,
  refusalOf,
  useControl,
} from "./control.ts";
import { forgeToken, mistypeToken, tokenForm } from "./forge.ts";

const minuteMs = 60_000;
const yearMinutes = 365 * 24 * 60;

onEachDatabase((kind) => {
  // Where local time is far from UTC, a time that is stored without its zone shows.
  const find = useControl({ kind, env: { TZ: "Pacific/Auckland" } });
  const manage = (method: string, path: string, body?: unknown): Promise<Managed> => find().manage(method, path, body);
  const post = (body: unknown) => manage("POST", "/manage/tokens", body);
  const patch = (id: string, body: unknown) => manage("PATCH", `/manage/tokens/${id}`, body);
  const mint = async (more: object = {}) => {
    const project = await find().createProject();
    return { project, ...(await find().createToken(project.id, more)) };
  };

  describe("a new token", () => {
    test("has the form of a token, with the checksum that tells a mistyped one", async () => {
      const { token } = await mint();
      expect(token).toMatch(tokenForm);
      expect(forgeToken(token)).toMatch(tokenForm);
      const others = await Promise.all(Array.from({ length: 20 }, async () => (await mint()).token));
      expect(new Set([token, ...others]).size).toBe(21);
    });

    test("lives as long as was asked, wherever the program runs", async () => {
      const { id: project } = await find().createProject();
      const at = Date.now() + 90 * minuteMs;
      const asked = [
        [{ duration_minutes: 90 }, 90],
        [{ duration: "90m" }, 90],
        [{ duration: "24h" }, 24 * 60],
        [{ duration_minutes: yearMinutes }, yearMinutes],
        [{ expires_at: new Date(at).toISOString() }, 90],
        [{ expires_at: new Date(at + 3_600_000).toISOString().replace("Z", "+01:00") }, 90],
      ] as const;
      for (const [more, minutes] of asked) {
        const from = "expires_at" in more ? at - 90 * minuteMs : Date.now();
        const made = readMinted(expectStatus(201, await post({ project_id: project, max_requests: 3, ...more })));
        const to = "expires_at" in more ? from : Date.now();
        expect(made.max_requests).toBe(3);
        const begins = Date.parse(made.expires_at ?? "") - minutes * minuteMs;
        expect([more, begins >= from - 1000, begins <= to + 1000]).toEqual([more, true, true]);
        expect((await find().findToken(made.id)).expires_at).toBe(made.expires_at);
        expect((await find().call({ token: made.token })).answer.status).toBe(200);
      }
    });

    test("never expires only where that is asked", async () => {
      const { id: project } = await find().createProject();
      const made = readMinted(expectStatus(201, await post({ project_id: project, never_expires: true })));
      expect(made.expires_at ?? null).toBeNull();
      expect((await find().call({ token: made.token })).answer.status).toBe(200);
      expect(codeOf(await post({ project_id: project }))).toBe("400 body_invalid");
    });

    test("is shown in full once, and ever after masked", async () => {
      const { project, id, token } = await mint();
      const answers = [
        await manage("GET", `/manage/tokens/${id}`),
        await manage("GET", "/manage/tokens"),
        await manage("GET", `/manage/tokens?format=array&project_id=${project.id}`),
        await patch(id, { name: "renamed" }),
      ];
      for (const answer of answers) {
        expectStatus(200, answer);
        expect(answer.text).not.toContain(token);
        expect(answer.text).not.toContain(token.slice(8, 40));
      }
      expect((await find().findToken(id)).token).toStartWith("sk-weir-");
    });

    test("may be made inactive, with a name, metadata and a user", async () => {
      const more = {
        is_active: false,
        name: "for zoë",
        metadata: { team: "one" },
        user_id: "zoë",
        allowed_models: ["gpt-*"],
      };
      const { id, token } = await mint(more);
      expect(await find().findToken(id)).toMatchObject(more);
      expect(refusalOf((await find().call({ token })).answer)).toBe("401 token_inactive");
    });

    const faults: Readonly<Record<string, object>> = {
      "no duration": {},
      "a duration of zero": { duration_minutes: 0 },
      "a negative duration": { duration_minutes: -1 },
      "a broken duration": { duration_minutes: 0.5 },
      "a duration that is a word": { duration: "soon" },
      "more than 365 days": { duration_minutes: yearMinutes + 1 },
      "more than 365 days of hours": { duration: "8761h" },
      "an end more than 365 days away": { expires_at: new Date(Date.now() + 366 * 86_400_000).toISOString() },
      "an end that is over": { expires_at: new Date(Date.now() - minuteMs).toISOString() },
      "an end that is no time": { expires_at: "tomorrow" },
      "two ends": { duration_minutes: 60, duration: "2h" },
      "an end and none": { duration_minutes: 60, never_expires: true },
      "a negative quota": { duration_minutes: 60, max_requests: -1 },
      "models of the wrong kind": { duration_minutes: 60, allowed_models: "gpt-*" },
      "a text of its own": { duration_minutes: 60, token: "sk-weir-0123456789" },
      "a count of its own": { duration_minutes: 60, request_count: 0 },
    };
    for (const [what, more] of Object.entries(faults)) {
      test(`with ${what} is refused with 400`, async () => {
        const { id: project } = await find().createProject();
        expect(codeOf(await post({ project_id: project, ...more }))).toBe("400 body_invalid");
        expect(readTokens(await manage("GET", `/manage/tokens?project_id=${project}`))).toEqual([]);
      });
    }

    test("of no project is refused", async () => {
      expect(codeOf(await post({ duration_minutes: 60 }))).toBe("400 body_invalid");
      expect(codeOf(await post({ project_id: crypto.randomUUID(), duration_minutes: 60 }))).toBe(
        "404 project_not_found",
      );
      expect([400, 404]).toContain((await post({ project_id: "' OR 1=1 --", duration_minutes: 60 })).status);
    });
  });

  test("what is wrong with a token is told by its code", async () => {
    const { project, token } = await mint();
    const inactive = await find().createToken(project.id);
    expectStatus(204, await manage("DELETE", `/manage/tokens/${inactive.id}`));
    const end = Date.now() + 4000;
    const expiring = await find().createToken(project.id, {
      duration_minutes: undefined,
      expires_at: new Date(end).toISOString(),
    });
    expect((await find().call({ token: expiring.token })).answer.status).toBe(200);
    await Bun.sleep(end - Date.now() + 50);
    const answers = await Promise.all(
      [token, inactive.token, expiring.token, forgeToken(token), mistypeToken(token), undefined].map((text) =>
        find().call(text === undefined ? {} : { token: text }),
      ),
    );
    expect(answers.map(({ answer }) => refusalOf(answer))).toEqual([
      "200",
      "401 token_inactive",
      "401 token_expired",
      "401 token_unknown",
      "401 token_invalid",
      "401 credential_missing",
    ]);
    expect(answers.slice(1).flatMap(({ seen }) => seen).length).toBe(0);
  });

  describe("a token's own path", () => {
    test("shows all of it, changes it, and revokes it, twice too", async () => {
      const { project, id, token } = await mint({ max_requests: 7 });
      await find().call({ token });
      const shown = await find().findToken(id);
      expect(shown).toMatchObject({
        project_id: project.id,
        max_requests: 7,
        is_active: true,
        request_count: 1,
        cache_hit_count: 0,
      });
      expect(Math.abs(Date.parse(shown.last_used_at ?? "") - Date.now())).toBeLessThan(minuteMs);
      expect(readToken(expectStatus(200, await patch(id, { max_requests: 5 })))).toMatchObject({
        max_requests: 5,
        request_count: 1,
      });
      const later = new Date(Date.now() + 5 * minuteMs).toISOString();
      expect(Date.parse(readToken(expectStatus(200, await patch(id, { expires_at: later }))).expires_at ?? "")).toBe(
        Date.parse(later),
      );
      expect(codeOf(await patch(id, {}))).toBe("400 no_fields");
      expect(codeOf(await patch(id, { max_requests: -1 }))).toBe("400 body_invalid");
      expect(codeOf(await patch(id, { request_count: 0 }))).toBe("400 body_invalid");
      expect(codeOf(await patch(id, { project_id: crypto.randomUUID() }))).toBe("400 body_invalid");
      const revoke = async () => {
        const answer = await manage("DELETE", `/manage/tokens/${id}`);
        expect([answer.status, answer.text]).toEqual([204, ""]);
        return find().findToken(id);
      };
      const revoked = await revoke();
      expect((await revoke()).deactivated_at).toBe(revoked.deactivated_at);
      expect(revoked).toMatchObject({ is_active: false, max_requests: 5, request_count: 1 });
      expect(Math.abs(Date.parse(revoked.deactivated_at ?? "") - Date.now())).toBeLessThan(minuteMs);
    });

    test("keeps every limit through a deactivation and an activation", async () => {
      const { id } = await mint({ max_requests: 7, allowed_models: ["gpt-*"] });
      const before = await find().findToken(id);
      const off = readToken(expectStatus(200, await patch(id, { is_active: false })));
      expect([off.is_active, off.max_requests, typeof off.deactivated_at]).toEqual([false, 7, "string"]);
      const on = readToken(expectStatus(200, await patch(id, { is_active: true })));
      expect(on).toMatchObject({
        is_active: true,
        max_requests: 7,
        allowed_models: ["gpt-*"],
        expires_at: before.expires_at,
      });
      expect(on.deactivated_at ?? null).toBeNull();
    });

    test("is not found where nobody made it", async () => {
      for (const id of [crypto.randomUUID(), "x", "' OR '1'='1", "\u0000", "sk-weir-0123456789"]) {
        const path = `/manage/tokens/${encodeURIComponent(id)}`;
        for (const [method, body] of [
          ["GET", undefined],
          ["PATCH", { is_active: false }],
          ["DELETE", undefined],
        ] as const) {
          const { status } = await manage(method, path, body);
          expect([id, method, [400, 404].includes(status)]).toEqual([id, method, true]);
        }
      }
      expect(codeOf(await manage("DELETE", `/manage/tokens/${crypto.randomUUID()}`))).toBe("404 token_not_found");
    });
  });

  describe("the list of tokens", () => {
    test("holds what each filter says, by both of its names", async () => {
      const [one, two] = [await find().createProject(), await find().createProject()];
      const [active, revoked] = [await find().createToken(one.id), await find().createToken(one.id)];
      await find().createToken(two.id);
      expectStatus(204, await manage("DELETE", `/manage/tokens/${revoked.id}`));
      const list = async (query: string) => {
        const tokens = readTokens(expectStatus(200, await manage("GET", `/manage/tokens?limit=100&${query}`)));
        return tokens.map(({ id }) => id).toSorted();
      };
      const both = [active.id, revoked.id].toSorted();
      for (const filter of ["project_id", "projectId"]) {
        expect(await list(`${filter}=${one.id}`)).toEqual(both);
        for (const only of ["active_only", "activeOnly"]) {
          expect(await list(`${filter}=${one.id}&${only}=true`)).toEqual([active.id]);
          expect(await list(`${filter}=${one.id}&${only}=false`)).toEqual(both);
        }
      }
      for (const only of ["active_only", "activeOnly"]) expect(await list(`${only}=true`)).not.toContain(revoked.id);
      expect(await list(`project_id=${crypto.randomUUID()}`)).toEqual([]);
    });

    test("finds what expires before a time", async () => {
      const { id: project } = await find().createProject();
      const [soon] = [
        await find().createToken(project, { duration_minutes: 10 }),
        await find().createToken(project, { duration_minutes: 100 }),
      ];
      await find().createToken(project, { duration_minutes: undefined, never_expires: true });
      const before = new Date(Date.now() + 50 * minuteMs).toISOString();
      const answer = await manage(
        "GET",
        `/manage/tokens?project_id=${project}&expires_before=${encodeURIComponent(before)}`,
      );
      expect(readTokens(expectStatus(200, answer)).map(({ id }) => id)).toEqual([soon.id]);
    });

    test("is walked by its cursor, each token once, while others are made", async () => {
      const { id: project } = await find().createProject();
      const made = new Set<string>();
      for (let count = 0; count < 7; count += 1) made.add((await find().createToken(project)).id);
      const ids: string[] = [];
      let cursor: string | undefined;
      do {
        const query: string = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        const page = expectStatus(200, await manage("GET", `/manage/tokens?project_id=${project}&limit=2${query}`));
        ids.push(...readTokens(page).map(({ id }) => id));
        cursor = readCursor(page);
        await find().createToken(project);
      } while (cursor !== undefined && ids.length < 40);
      expect(new Set(ids).size).toBe(ids.length);
      for (const id of made) expect(ids).toContain(id);
    });
  });

  test("an expired token is deactivated by the job that looks for such", async () => {
    expect(await find().restart(0, { TOKEN_CLEANUP_INTERVAL: "1s" })).toBe(0);
    const { id } = await mint({ duration_minutes: undefined, expires_at: new Date(Date.now() + 3000).toISOString() });
    expect((await find().findToken(id)).is_active).toBe(true);
    await waitFor(async () => !(await find().findToken(id)).is_active, "It stays active");
  }, 30_000);
});
