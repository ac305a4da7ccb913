import { expect, test } from "bun:test";
import { adviseOnFile } from "./file-fault.ts";

test("what belongs to this user wants its rights mended, what doesn't its owner", () => {
  expect(adviseOnFile("DATA_DIR", import.meta.dir, "EACCES")).toEndWith(`or run "chmod -R u+rwX ${import.meta.dir}".`);
  expect(adviseOnFile("DATA_DIR", "/none/at/all", "EACCES")).toMatch(/or run "chown -R \d+ \/none\/at\/all"\.$/);
  expect(adviseOnFile("DATA_DIR", import.meta.dir, "EROFS")).toBe("Set DATA_DIR to another place.");
});
