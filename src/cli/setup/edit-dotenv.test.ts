import { expect, test } from "bun:test";
import fc from "fast-check";
import { readDotenv } from "../../config/dotenv.ts";
import { editDotenv } from "./edit-dotenv.ts";

test("comments, unknown lines, order, other values and ways to end a line stay as they are", () => {
  const text = "# mine\r\n\r\nFOO='a b' # note\r\nwhat is this\r\nexport PORT=1\r\nBAR=2";
  expect(editDotenv(text, { PORT: "4000", NEW: "x" })).toBe(
    "# mine\r\n\r\nFOO='a b' # note\r\nwhat is this\r\nexport PORT=4000\r\nBAR=2\r\nNEW=x\r\n",
  );
});

test("a value of several lines is one value, and what looks like a variable in it is none", () => {
  const text = 'KEY="-----BEGIN\nPORT=1\nEND-----"\nPORT=2\n';
  expect(editDotenv(text, { PORT: "3" })).toBe('KEY="-----BEGIN\nPORT=1\nEND-----"\nPORT=3\n');
  expect(editDotenv(text, { KEY: "short" })).toBe("KEY=short\nPORT=2\n");
});

test("of equal names the last counts, and is changed", () => {
  expect(editDotenv("A=1\nB=2\nA=3\n", { A: "4" })).toBe("A=1\nB=2\nA=4\n");
});

test("a new variable stands behind the comment that shows it", () => {
  expect(editDotenv("# PORT=3000\n# The host.\n# HOST=\nX=1\n", { PORT: "1", HOST: "h" })).toBe(
    "# PORT=3000\nPORT=1\n# The host.\n# HOST=\nHOST=h\nX=1\n",
  );
  expect(editDotenv("# PORT=3000", { PORT: "1" })).toBe("# PORT=3000\nPORT=1\n");
});

test("a comment behind a value goes before it: Docker would take it for a part", () => {
  expect(editDotenv("PORT=1 # the port\n", { PORT: "2" })).toBe("# the port\nPORT=2\n");
  expect(editDotenv(`A="x # y" # note\n`, { A: "2" })).toBe("# note\nA=2\n");
  expect(editDotenv("A='x # y'\nB=a#b\n", { A: "2", B: "3" })).toBe("A=2\nB=3\n");
});

test("a quote that never ends keeps to its line", () => {
  expect(editDotenv('A="x\nB=1\n', { B: "2" })).toBe('A="x\nB=2\n');
});

test("what can't stand without quotes is refused, and not shown", () => {
  for (const value of ["#secret", '"secret', "'secret'", "a\nsecret", " secret", "a #secret"]) {
    const edit = () => editDotenv("A=1\n", { A: value });
    expect(edit).toThrow(/^A can't stand/);
    expect(edit).not.toThrow(/secret/);
  }
});

test.each(["B='\nA=''#'", "B='\nA='x'\nC='\n"])("where an edit would end the quote of %j, nothing is set", (text) => {
  expect(() => editDotenv(text, { A: "1" })).toThrow(/^A can't be set beside a value whose quote never ends/);
});

test("whatever the file is, a set variable reads as it was set, and every other line is still there", () => {
  const line = fc.oneof(
    fc.stringMatching(/^[A-D]=[a-z "'#\\]{0,8}$/),
    fc.stringMatching(/^#? ?[A-D]?=?[a-z"']{0,5}$/),
    fc.constant(""),
  );
  fc.assert(
    fc.property(fc.array(line), fc.constantFrom("\n", "\r\n"), fc.constantFrom("A", "Z"), (lines, eol, name) => {
      const text = lines.join(eol);
      const { variables: before, badLines } = readDotenv(text);
      const edited = editOrFault(text, { [name]: "value" });
      if (edited instanceof Error) {
        // Only a quote that never ends is in the way, and whoever wrote it is told.
        expect(edited.message).toContain("never ends");
        expect(badLines.some((at) => /=\s*["']/.test(lines[at - 1] ?? ""))).toBe(true);
        return;
      }
      expect(readDotenv(edited).variables).toEqual({ ...before, [name]: "value" });
      if (!(name in before)) expect(edited.split(/\r?\n/)).toEqual(expect.arrayContaining(lines));
    }),
  );
});

function editOrFault(text: string, values: Readonly<Record<string, string>>): string | Error {
  try {
    return editDotenv(text, values);
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}
