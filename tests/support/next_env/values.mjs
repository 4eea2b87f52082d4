// Reads env files (a JSON list of texts) from standard input, and prints what @next/env makes of our four names in each.
// Its argument is the directory where npm has put it.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { processEnv } = createRequire(`${process.argv[2]}/`)("@next/env");
const NAMES = ["AUTH_OKTA_ISSUER", "AUTH_OKTA_ID", "AUTH_OKTA_SECRET", "DATABASE_URL"];
const values = JSON.parse(readFileSync(0, "utf8")).map((contents) => {
  for (const name of Object.keys(process.env)) delete process.env[name];
  process.env.HOME = "/home/nora";
  // A reference without an end is told, and the file left out.
  processEnv([{ path: ".env.local", contents }], "/", { info() {}, error() {} }, true);
  return Object.fromEntries(NAMES.filter((name) => name in process.env).map((name) => [name, process.env[name]]));
});
console.log(JSON.stringify(values, null, 1));
