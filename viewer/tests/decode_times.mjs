/** Milliseconds of decoding in node on one thread, several times each: node tests/decode_times.mjs 5 < ["path", ...] */
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { decode } from "./decoding.mjs";

const out = [];
for (const path of JSON.parse(await text(process.stdin)))
  for (let i = 0; i < Number(process.argv[2]); i++) {
    const bytes = new Uint8Array(readFileSync(path));
    const start = performance.now();
    const cpu = process.cpuUsage();
    await decode(bytes, { lanes: 1 });
    const { user, system } = process.cpuUsage(cpu);
    out.push({ path, whole: performance.now() - start, cpu: (user + system) / 1000 });
  }
console.log(JSON.stringify({ node: process.version, times: out }));
