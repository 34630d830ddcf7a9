// Node's tls; the twin of ../c/work.h and ../lua/work.lua.
"use strict";
const fs = require("fs");
const tls = require("tls");

const [workload, address, port, host, ca, ...numbers] = process.argv.slice(2);
const [count, param = 0, stallPort = 0] = numbers.map(Number);
const REQUEST = Buffer.alloc(16, "r"), ECHO = Buffer.alloc(64, "e");
const WARM_MOST = 50;
const block = Buffer.alloc(param || 1, "b");
const kept = [];
let secureContext, stream, session, isResuming = false;

function makeContext() {
  // Node's own list of authorities is its default; NODE_EXTRA_CA_CERTS adds to it.
  const own = ca === "system" ? {} : {ca: fs.readFileSync(ca)};
  secureContext = tls.createSecureContext(own);
}

function open(to) {
  return new Promise((resolve, reject) => {
    const given = {host: address, port: to, servername: host, secureContext};
    if (isResuming) given.session = session;
    const conn = tls.connect(given, () => resolve(conn));
    conn.on("error", reject);
    conn.on("session", (newest) => { session = newest; });
  });
}

function read(conn, n) {
  return new Promise((resolve) => {
    conn.left = n;
    function take(data) {
      conn.left -= data.length;
      if (conn.left > 0) return;
      conn.off("data", take);
      conn.pause();
      resolve();
    }
    conn.on("data", take);
    conn.resume();
  });
}

function write(conn, data) {
  return new Promise((resolve) => {
    if (conn.write(data)) resolve(); else conn.once("drain", resolve);
  });
}

async function exchange(conn, data) {
  const answer = read(conn, data.length);
  conn.write(data);
  await answer;
}

function close(conn) {
  conn.end();
  conn.destroy();
}

async function full() { close(await open(port)); }

async function first() {
  const conn = await open(port);
  await exchange(conn, REQUEST);
  close(conn);
}

async function resumed() {
  const conn = await open(port);
  if (!conn.isSessionReused()) throw new Error("it was not resumed");
  await exchange(conn, REQUEST);
  close(conn);
}

async function inflight() {
  const all = [];
  for (let i = 0; i < param; i++) all.push(open(port));
  for (const conn of await Promise.all(all)) close(conn);
}

async function memory() {
  const conn = await open(port);
  if (param > 0) await exchange(conn, REQUEST);
  kept.push(conn);
}

async function nothing() {}

async function beginStream() { stream = await open(port); }

const workloads = {
  full: [nothing, full], cold: [nothing, full], first: [nothing, first],
  resumed: [async () => { await first(); isResuming = true; }, resumed],
  inflight: [nothing, inflight], memory: [nothing, memory],
  stalled: [async () => { for (let i = 0; i < param; i++) kept.push(open(stallPort)); }, full],
  download: [beginStream, () => read(stream, param)],
  upload: [beginStream, () => write(stream, block)],
  echo: [beginStream, () => exchange(stream, ECHO)],
};

function mark() {
  const used = process.resourceUsage();
  const pages = Number(fs.readFileSync("/proc/self/statm", "ascii").split(" ")[1]);
  return {
    user: used.userCPUTime / 1e6, sys: used.systemCPUTime / 1e6,
    wall: Number(process.hrtime.bigint()) / 1e9, maxrss: used.maxRSS, rss: pages * 4096,
  };
}

function report(warm, from, to) {
  const each = workload === "inflight" ? param : 1;
  const result = {ops: count * each, warm: warm * each};
  for (const key of ["user", "sys", "wall"]) result[key] = to[key] - from[key];
  result.maxrss = to.maxrss;
  result.rss = to.rss - from.rss;
  fs.writeSync(1, JSON.stringify(result) + "\n");
}

async function main() {
  const [begin, op] = workloads[workload];
  const warm = workload === "cold" ? 0 : Math.min(Math.floor(count / 8) + 1, WARM_MOST);
  let from = mark();
  makeContext();
  await begin();
  for (let i = 0; i < warm; i++) await op();
  if (warm > 0) from = mark();
  for (let i = 0; i < count; i++) await op();
  report(warm, from, mark());
  process.exit(0);
}

main().catch((err) => { console.error(err.message || err); process.exit(1); });
