import { expect, test } from "bun:test";
import { readPath, readTarget } from "./request-target.ts";

test("a target is what stands behind the host, whatever the host is", () => {
  for (const host of ["http://localhost", "http://127.0.0.1:3000", "http://[::1", "https://a b", ""]) {
    expect(readTarget(`${host}/manage/projects?a=/b#c`)).toBe("/manage/projects?a=/b#c");
    expect(readPath(`${host}/manage/projects?a=/b#c`)).toBe("/manage/projects");
    expect(readPath(`${host}/manage/%70rojects`)).toBe("/manage/%70rojects");
    expect(readPath(`${host}/`)).toBe("/");
  }
});
