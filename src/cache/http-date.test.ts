import { expect, test } from "bun:test";
import { readHttpDate } from "./http-date.ts";

const near = Date.UTC(2030, 0, 1);
const read = (text: string) => {
  const at = readHttpDate(text, near);
  return at === undefined ? undefined : new Date(at).toISOString().slice(0, 19);
};

test("a date is read in the three forms that HTTP has had, in any case", () => {
  for (const text of [
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
    "SUN, 06 nov 1994 08:49:37 gmt",
  ])
    expect([text, read(text)]).toEqual([text, "1994-11-06T08:49:37"]);
});

test("two digits are a year at most 50 years ahead", () => {
  expect(read("Thursday, 18-Aug-80 02:01:18 GMT")).toBe("2080-08-18T02:01:18");
  expect(read("Thursday, 18-Aug-81 02:01:18 GMT")).toBe("1981-08-18T02:01:18");
});

test("what is no date of HTTP's is none, whatever else can read it", () => {
  for (const text of [
    "",
    "0",
    "3600",
    "2050-08-18T02:01:18Z",
    "Thu, 18 Aug 2050 02:01:18 UTC",
    "Thu, 18 Aug 2050 02:01:18 EST",
    "Thu, 18 Aug 2050 02:01:18",
    "Thu 18 Aug 2050 02:01:18 GMT",
    "Thu, 18 Aug 2050 2:01:18 GMT",
    "Thu, 31 Feb 2050 02:01:18 GMT",
    "Thu, 18 Foo 2050 02:01:18 GMT",
    "Thu, 18 Aug 2050 24:01:18 GMT",
    "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT",
  ])
    expect([text, read(text)]).toEqual([text, undefined]);
});
