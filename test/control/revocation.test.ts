import { expect, test } from "bun:test";
import { expectStatus, families, familyNames, onEachDatabase, refusalOf, useControl } from "./control.ts";
import { waitFor } from "../weir.ts";
import { kindsOf, type LoadCall, startLoad } from "./load.ts";

/** What a change may take to be effective in every process, where the machine is as quick as it should be. */
const effectiveMs = 1000;

/** What it may take here: more, as far as calls of this very time took longer than the few milliseconds that are usual. */
function allowedMs(calls: readonly LoadCall[]): number {
  return effectiveMs + 5 * Math.max(...calls.map(({ startedAt, endedAt }) => endedAt - startedAt));
}

onEachDatabase((kind) => {
  const find = useControl({ kind, processes: 2 });
  const mint = async (more: object = {}) => {
    const project = await find().createProject();
    return { project, ...(await find().createToken(project.id, more)) };
  };
  type Mint = Awaited<ReturnType<typeof mint>>;

  /** Each ends what a token may, and what its calls are answered with from then on. */
  const changes: Readonly<Record<string, { refusal: string; change: (mint: Mint) => Promise<void> }>> = {
    "a revoked token": {
      refusal: "401 token_inactive",
      change: async ({ id }) => void expectStatus(204, await find().manage("DELETE", `/manage/tokens/${id}`)),
    },
    "a deactivated token": {
      refusal: "401 token_inactive",
      change: async ({ id }) =>
        void expectStatus(200, await find().manage("PATCH", `/manage/tokens/${id}`, { is_active: false })),
    },
    "a token of a project whose tokens were all revoked": {
      refusal: "401 token_inactive",
      change: async ({ project }) =>
        void expectStatus(200, await find().manage("POST", `/manage/projects/${project.id}/tokens/revoke`)),
    },
    "a token of a deactivated project": {
      refusal: "403 project_inactive",
      change: async ({ project }) =>
        void expectStatus(200, await find().manage("PATCH", `/manage/projects/${project.id}`, { is_active: false })),
    },
    "a token that expires sooner than it should have": {
      refusal: "401 token_expired",
      change: async ({ id }) => {
        const body = { expires_at: new Date(Date.now() + 300).toISOString() };
        expectStatus(200, await find().manage("PATCH", `/manage/tokens/${id}`, body));
        await Bun.sleep(300);
      },
    },
  };

  for (const [what, { refusal, change }] of Object.entries(changes)) {
    test(`${what} is refused in every process within a second, and never accepted again, under load`, async () => {
      const mintOne = await mint();
      const loads = [0, 1].map((process) => startLoad(find(), mintOne.token, process));
      try {
        for (const load of loads) await load.until(15);
        await change(mintOne);
        const at = performance.now();
        const lateOf = (calls: readonly LoadCall[]) =>
          calls.filter(({ startedAt }) => startedAt > at + allowedMs(calls));
        await Bun.sleep(effectiveMs + 1200);
        await waitFor(() => loads.every(({ calls }) => lateOf(calls).length > 10), "There are too few calls");
        for (const load of loads) await load.stop();
        for (const { calls } of loads) {
          expect(kindsOf(calls)).toEqual(["200", refusal]);
          expect(calls.every(({ reached, status }) => reached === (status === 200))).toBe(true);
          expect(kindsOf(lateOf(calls))).toEqual([refusal]);
          const first = calls.find(({ status }) => status !== 200);
          const after = calls.filter(({ startedAt }) => startedAt > (first?.endedAt ?? 0));
          expect(kindsOf(after)).toEqual([refusal]);
        }
      } finally {
        for (const load of loads) await load.stop();
      }
    }, 60_000);
  }

  test("the refusals are told in each API's shape", async () => {
    const inactive = await mint();
    expectStatus(204, await find().manage("DELETE", `/manage/tokens/${inactive.id}`));
    const closed = await mint();
    expectStatus(200, await find().manage("PATCH", `/manage/projects/${closed.project.id}`, { is_active: false }));
    const end = Date.now() + 3000;
    const expired = await mint({ duration_minutes: undefined, expires_at: new Date(end).toISOString() });
    await Bun.sleep(end - Date.now() + 50);
    for (const family of familyNames) {
      for (const process of [0, 1]) {
        for (const [token, status, code] of [
          [inactive.token, 401, "token_inactive"],
          [closed.token, 403, "project_inactive"],
          [expired.token, 401, "token_expired"],
        ] as const) {
          const { answer, seen } = await find().call({ token, family, process });
          expect(refusalOf(answer)).toBe(`${status} ${code}`);
          expect(answer.json()).toEqual(families[family].refusal(status, code));
          expect(seen.length).toBe(0);
        }
      }
    }
  });

  test("the process that was told refuses at once", async () => {
    const { id, token } = await mint();
    for (let calls = 0; calls < 5; calls += 1) expect((await find().call({ token })).answer.status).toBe(200);
    expectStatus(204, await find().manage("DELETE", `/manage/tokens/${id}`));
    expect(refusalOf((await find().call({ token })).answer)).toBe("401 token_inactive");
  });

  test("LiteLLM 25553: a look-up under way while a token is revoked doesn't bring it back", async () => {
    const project = await find().createProject();
    const minted = await Promise.all(Array.from({ length: 30 }, () => find().createToken(project.id)));
    await Promise.all(
      minted.flatMap(({ id, token }, index) => [
        find().call({ token, process: 1 }),
        Bun.sleep(index % 5).then(() => find().manage("DELETE", `/manage/tokens/${id}`)),
        Bun.sleep(index % 3).then(() => find().call({ token, process: 1 })),
      ]),
    );
    const tell = async () => {
      const called = await Promise.all(minted.map(({ token }) => find().call({ token, process: 1 })));
      return new Set(called.map(({ answer }) => refusalOf(answer)));
    };
    await waitFor(async () => !(await tell()).has("200"), "They are not refused");
    for (let round = 0; round < 3; round += 1) expect(await tell()).toEqual(new Set(["401 token_inactive"]));
  }, 60_000);

  test("a token works in every process as soon as it is minted", async () => {
    const project = await find().createProject();
    for (let round = 0; round < 10; round += 1) {
      const { token } = await find().createToken(project.id);
      for (const process of [1, 0]) expect(refusalOf((await find().call({ token, process })).answer)).toBe("200");
    }
  });

  test("what is activated again is accepted again in every process soon", async () => {
    const { id, project, token } = await mint({ max_requests: 50_000 });
    const answers = async () =>
      Promise.all([0, 1].map(async (process) => refusalOf((await find().call({ token, process })).answer)));
    expect(await answers()).toEqual(["200", "200"]);
    const set = async (path: string, active: boolean, answer: string) => {
      expectStatus(200, await find().manage("PATCH", path, { is_active: active }));
      const arrives = async () => (await answers()).every((each) => each === answer);
      await waitFor(arrives, `They are not answered ${answer}`);
      expect(await answers()).toEqual([answer, answer]);
    };
    await set(`/manage/tokens/${id}`, false, "401 token_inactive");
    await set(`/manage/tokens/${id}`, true, "200");
    expect((await find().findToken(id)).max_requests).toBe(50_000);
    await set(`/manage/projects/${project.id}`, false, "403 project_inactive");
    await set(`/manage/projects/${project.id}`, true, "200");
  }, 30_000);

  test("revoke_tokens with a deactivation outlasts the project's activation", async () => {
    const { project, token } = await mint();
    const path = `/manage/projects/${project.id}`;
    expect((await find().manage("PATCH", path, { revoke_tokens: true })).status).toBe(400);
    expect((await find().manage("PATCH", path, { revoke_tokens: true, is_active: true })).status).toBe(400);
    expectStatus(200, await find().manage("PATCH", path, { is_active: false, revoke_tokens: true }));
    expectStatus(200, await find().manage("PATCH", path, { is_active: true }));
    for (const process of [0, 1])
      expect(refusalOf((await find().call({ token, process })).answer)).toBe("401 token_inactive");
  });

  test("a changed limit is effective in every process soon", async () => {
    const { id, token } = await mint();
    for (const process of [0, 1, 0, 1]) expect((await find().call({ token, process })).answer.status).toBe(200);
    await waitFor(async () => (await find().findToken(id)).request_count === 4, "They are not counted");
    expectStatus(200, await find().manage("PATCH", `/manage/tokens/${id}`, { max_requests: 4 }));
    for (const process of [1, 0]) {
      const tell = async () => refusalOf((await find().call({ token, process })).answer);
      await waitFor(async () => (await tell()) !== "200", `Process ${process} lets it pass`);
      expect(await tell()).toBe("429 quota_exceeded");
    }
  }, 30_000);

  test("a rotated provider key goes up from every process soon, and the former never again", async () => {
    const { project, token } = await mint();
    const keyOf = async (process: number) => (await find().call({ token, process })).seen[0]?.header("authorization");
    for (const process of [0, 1]) expect(await keyOf(process)).toBe("Bearer sk-up-openai-0123456789");
    const body = { provider_keys: { openai: "sk-up-rotated-9876543210" } };
    expectStatus(200, await find().manage("PATCH", `/manage/projects/${project.id}`, body));
    for (const process of [0, 1])
      await waitFor(async () => (await keyOf(process))?.includes("rotated"), `Process ${process} has the former`);
    for (const process of [0, 1, 0, 1]) expect(await keyOf(process)).toBe("Bearer sk-up-rotated-9876543210");
  });

  test("an answer that has begun is finished though its token is revoked and its project is closed", async () => {
    const { id, project, token } = await mint();
    const refused = Promise.withResolvers<void>();
    const running = find().open({
      token,
      process: 1,
      script: async (seen) => {
        seen.begin();
        for (let event = 0; event < 25; event += 1) {
          seen.chunk(`data: {"event":${event}}\n\n`);
          if (event === 12) await refused.promise;
          await Bun.sleep(20);
        }
        seen.chunk("data: [DONE]\n\n");
        seen.end();
      },
    });
    await running.until('"event":0');
    expectStatus(204, await find().manage("DELETE", `/manage/tokens/${id}`));
    expectStatus(200, await find().manage("PATCH", `/manage/projects/${project.id}`, { is_active: false }));
    const isRefused = async () => (await find().call({ token, process: 1 })).seen.length === 0;
    await waitFor(isRefused, "It is not refused");
    refused.resolve();
    const answer = await running.answer;
    expect([answer.status, answer.end]).toEqual([200, "clean"]);
    expect(answer.text).toContain('"event":24');
    expect(answer.text).toContain("[DONE]");
  }, 30_000);
});
