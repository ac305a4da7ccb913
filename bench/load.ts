import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Children } from "./children.ts";

/** What the load tool is asked to do; what isn't said is the tool's default. Times in seconds, `readRate` in bytes/s. */
export type LoadPlan = {
  readonly mode: "rps" | "streams";
  readonly connections: number;
  readonly requestBytes?: number;
  readonly chunks?: number;
  readonly intervalMs?: number;
  readonly rate?: number;
  readonly readRate?: number;
  readonly ramp?: number;
  readonly warm?: number;
  readonly seconds: number;
  /** Unfinished answers are left at the end. */
  readonly leave?: boolean;
};

const quantiles = z.object({ p50: z.number(), p99: z.number(), p999: z.number(), max: z.number() });

const loadResult = z.object({
  calls: z.number(),
  calls_per_second: z.number(),
  latency_us: quantiles,
  chunks: z.number().optional(),
  chunks_per_second: z.number().optional(),
  chunk_delay_us: quantiles.optional(),
  first_byte_added_us: quantiles.optional(),
  load_cpu_share: z.number(),
  failed: z.number(),
  failures: z.record(z.string(), z.number()),
});

/** What the load tool measured. */
export type LoadResult = z.infer<typeof loadResult>;

/** Compiles the load tool into the directory and returns where it is. Throws what the compiler said. */
export function compileLoad(dir: string): string {
  const sources = fileURLToPath(new URL("load/", import.meta.url));
  const files = readdirSync(sources).filter((name) => name.endsWith(".c"));
  const program = `${dir}/load`;
  const compiler = spawnSync("cc", ["-O2", "-Wall", "-Wextra", "-o", program, ...files], {
    cwd: sources,
    encoding: "utf8",
  });
  if (compiler.error) throw new Error(`The load tool needs a C compiler named cc: ${compiler.error.message}`);
  if (compiler.status !== 0) throw new Error(`The load tool doesn't compile:\n${compiler.stderr}`);
  return program;
}

/** What calls are made with. */
export type LoadTool = { readonly program: string; readonly core: number | undefined; readonly run: Children["run"] };

/** Calls `target` with an upstream of its own on `upstream`, and returns what came of it. Throws where the tool fails. */
export async function runLoad(
  { program, core, run }: LoadTool,
  upstream: number,
  target: { readonly port: number; readonly credential: string },
  plan: LoadPlan,
): Promise<LoadResult> {
  const where = ["--listen", String(upstream), "--target", String(target.port)];
  const timeoutMs = ((plan.ramp ?? 0) + (plan.warm ?? 0) + plan.seconds + 20) * 1000;
  const command = [
    program,
    plan.mode,
    ...where,
    "--header",
    `authorization: Bearer ${target.credential}`,
    ...writePlan(plan),
  ];
  return loadResult.parse(JSON.parse(await run(command, core, timeoutMs)));
}

function writePlan(plan: LoadPlan): string[] {
  const numbers = {
    "--connections": plan.connections,
    "--request-bytes": plan.requestBytes,
    "--chunks": plan.chunks,
    "--interval-ms": plan.intervalMs,
    "--rate": plan.rate,
    "--read-rate": plan.readRate,
    "--ramp": plan.ramp,
    "--warm": plan.warm,
    "--seconds": plan.seconds,
  };
  const given = Object.entries(numbers).flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]));
  return plan.leave === true ? [...given, "--leave"] : given;
}
