import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const source = join(import.meta.dir, "log-output.ts");

test("where nobody reads standard output, lines are lost and the program goes on", async () => {
  const directory = mkdtempSync(join(tmpdir(), "weir-stdout-"));
  const script = join(directory, "script.ts");
  await Bun.write(
    script,
    `import { openLogOutput } from ${JSON.stringify(source)};
     const output = openLogOutput({ maxFileBytes: 1e6, maxFiles: 1 }, { rotates: false, buffered: false });
     for (let line = 0; line < 5_000; line += 1) output.write("x".repeat(99) + "\\n");
     process.stderr.write("went on");
     process.exit(0);`,
  );
  // A pipe that is open and never read.
  const pipe = join(directory, "pipe");
  const shell = `mkfifo ${pipe}; exec 3<>${pipe}; exec ${process.execPath} ${script} >&3`;
  const child = Bun.spawn(["sh", "-c", shell], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const ended = await Promise.race([child.exited, Bun.sleep(20_000).then(() => "hangs")]);
  child.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
  expect(ended).toBe(0);
}, 60_000);

test("a reader that comes late gets whole lines from where it stopped", async () => {
  const directory = mkdtempSync(join(tmpdir(), "weir-stdout-"));
  const script = join(directory, "script.ts");
  const [written, read] = [join(directory, "written"), join(directory, "read")];
  await Bun.write(
    script,
    `import { existsSync, writeFileSync } from "node:fs";
     import { openLogOutput } from ${JSON.stringify(source)};
     const output = openLogOutput({ maxFileBytes: 1e6, maxFiles: 1 }, { rotates: false, buffered: false });
     for (let line = 0; line < 5_000; line += 1) output.write(String(line).padStart(99, "0") + "\\n");
     writeFileSync(${JSON.stringify(written)}, "");
     for (const until = performance.now() + 20_000; !existsSync(${JSON.stringify(read)}) && performance.now() < until;)
       await Bun.sleep(20);`,
  );
  const late = `while [ ! -e ${written} ]; do sleep 0.05; done; head -c 500000; : >${read}; cat`;
  // The shell's own pipe: the runtime's are sockets.
  const child = Bun.spawn(["sh", "-c", `${process.execPath} ${script} | (${late})`], { stdout: "pipe" });
  const lines = (await new Response(child.stdout).text()).trimEnd().split("\n");
  rmSync(directory, { recursive: true, force: true });
  expect(lines.map(Number)).toEqual(Array.from({ length: 5_000 }, (_, line) => line));
}, 60_000);
