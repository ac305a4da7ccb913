import { expect, test } from "bun:test";
import { writeCsv } from "./csv.ts";

test("cells are quoted where they have to be, and rows end with CRLF", () => {
  const rows = [
    ["a", "b c", 'say "hi"', "x,y"],
    [1, -2.5, null, "two\r\nlines"],
  ];
  expect(writeCsv(rows)).toBe('a,b c,"say ""hi""","x,y"\r\n1,-2.5,,"two\r\nlines"\r\n');
});

test.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])("%p is no formula to a spreadsheet", (text) => {
  expect(writeCsv([[text]]).replaceAll('"', "")).toBe(`'${text}\r\n`);
});
