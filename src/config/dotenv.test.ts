import { expect, test } from "bun:test";
import fc from "fast-check";
import { readDotenv } from "./dotenv.ts";

const read = (text: string) => readDotenv(text).variables;

test("names, values, comments and empty lines are read as shells write them", () => {
  const text = "\uFEFF# comment\n\nA=1\r\n  export B = two words # comment\nC=a#b\nD=\nE= # nothing\n";
  expect(read(text)).toEqual({ A: "1", B: "two words", C: "a#b", D: "", E: "" });
});

test("quotes keep spaces, hashes and lines, and only double ones know escapes", () => {
  const text = `A="a # b" # comment\nB='a\\nb'\nC="a\\nb\\t\\"c\\" \\\\ \\x"\nD="first\nsecond"\nE=1\nF="";`;
  expect(readDotenv(text)).toEqual({
    variables: { A: "a # b", B: "a\\nb", C: 'a\nb\t"c" \\ \\x', D: "first\nsecond", E: "1" },
    badLines: [7],
  });
});

test("of equal names the last counts, and nothing is expanded", () => {
  expect(read("A=1\nA=$B ${C}")).toEqual({ A: "$B ${C}" });
});

test("lines that set nothing are named by their numbers", () => {
  expect(readDotenv('A=1\nB: 2\nC="never ends\nD=4\n=5')).toEqual({
    variables: { A: "1", D: "4" },
    badLines: [2, 3, 5],
  });
});

test("a value without quotes is what Docker would read", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[!-~]*$/), (value) => {
      fc.pre(!/^["'#]/.test(value));
      expect(read(`NAME=${value}\n`)).toEqual({ NAME: value });
    }),
  );
});

test("any text is read without a throw", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void readDotenv(text)));
});
