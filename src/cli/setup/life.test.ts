import { expect, test } from "bun:test";
import { readLife } from "./life.ts";

test("a life is hours, or has units, or never ends", () => {
  const hour = 3_600_000;
  expect(["24", "24h", "1h30m", "7d", "365d", "never"].map(readLife)).toEqual([
    24 * hour,
    24 * hour,
    1.5 * hour,
    168 * hour,
    8760 * hour,
    null,
  ]);
  for (const written of ["0", "soon", "366d", "1.5h", "-1", ""]) expect(() => readLife(written)).toThrow(/^It must be/);
});
