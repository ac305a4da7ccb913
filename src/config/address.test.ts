import { expect, test } from "bun:test";
import { isEveryAddress, isLoopback, reaches, readAddress, readHost } from "./address.ts";

test.each([
  ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }],
  [":8080", { host: "0.0.0.0", port: 8080 }],
  ["[::1]:80", { host: "::1", port: 80 }],
  ["gateway.internal:0", { host: "gateway.internal", port: 0 }],
  ["8080", undefined],
  ["localhost", undefined],
  ["localhost:", undefined],
  ["localhost:99999", undefined],
  ["::1:80", undefined],
  ["[localhost]:80", undefined],
  ["http://localhost:80", undefined],
])("the address %s is %j", (written, address) => {
  expect(readAddress(written)).toEqual(address);
});

test.each([
  ["0.0.0.0", "0.0.0.0"],
  ["[::]", "::"],
  ["fe80::1%eth0", "fe80::1%eth0"],
  ["my-host_1.example.com", "my-host_1.example.com"],
  ["127.0.0", undefined],
  ["256.0.0.1", undefined],
  ["a..b", undefined],
  ["-a", undefined],
  ["a b", undefined],
  ["[1.2.3.4]", undefined],
])("the host %s is %p", (written, host) => {
  expect(readHost(written)).toBe(host);
});

test.each([
  "127.0.0.1",
  "127.9.9.9",
  "localhost",
  "LOCALHOST.",
  "a.localhost",
  "::1",
  "0:0:0:0:0:0:0:1",
  "::ffff:127.0.0.1",
])("only this machine reaches %s", (host) => {
  expect(isLoopback(host)).toBe(true);
});

test.each(["0.0.0.0", "::", "10.0.0.1", "localhost.example.com", "127.example.com", "::ffff:10.0.0.1", ""])(
  "others may reach %p",
  (host) => {
    expect(isLoopback(host)).toBe(false);
  },
);

test("every address is written with zeros alone", () => {
  expect(["0.0.0.0", "::", "0:0:0:0:0:0:0:0", "::0"].every(isEveryAddress)).toBe(true);
  expect(["127.0.0.1", "::1", "0.0.0.1", "1::"].some(isEveryAddress)).toBe(false);
});

test.each([
  ["http://localhost:3000/v1", "127.0.0.1", true],
  ["http://127.1:3000", "127.0.0.1", true],
  ["http://2130706433:3000", "0.0.0.0", true],
  ["http://[::1]:3000", "0.0.0.0", true],
  ["http://0.0.0.0:3000", "127.0.0.1", true],
  ["http://Gateway.internal:3000", "gateway.internal", true],
  ["http://localhost:3001", "127.0.0.1", false],
  ["http://localhost:3000", "10.0.0.1", false],
  ["https://api.openai.com", "127.0.0.1", false],
])("a call to %s reaches port 3000 of %s: %p", (baseUrl, host, own) => {
  expect(reaches(baseUrl, { host, port: 3000 })).toBe(own);
});

test.each([
  ["http://192.0.2.2:3000", "0.0.0.0", true],
  ["http://192.0.2.2:3000", "::", true],
  ["http://[2001:DB8::2]:3000", "::", true],
  ["http://Weir-1:3000", "0.0.0.0", true],
  ["http://weir-1:3000", "192.0.2.2", true],
  ["http://192.0.2.2:3000", "127.0.0.1", false],
  ["http://192.0.2.2:3000", "198.51.100.2", false],
  ["http://192.0.2.2:3001", "0.0.0.0", false],
  ["http://192.0.2.3:3000", "0.0.0.0", false],
])("a call to %s reaches port 3000 of %s on weir-1, 192.0.2.2: %p", (baseUrl, host, own) => {
  expect(reaches(baseUrl, { host, port: 3000 }, ["weir-1", "192.0.2.2", "2001:db8::2"])).toBe(own);
});

test("a URL without a port has that of its scheme", () => {
  expect(reaches("http://localhost", { host: "127.0.0.1", port: 80 })).toBe(true);
  expect(reaches("https://localhost", { host: "127.0.0.1", port: 443 })).toBe(true);
});
