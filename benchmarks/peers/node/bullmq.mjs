/* BullMQ on node: producer and worker for the side-by-side benchmark.

The twin of adapters/driver.py and adapters/counting.py, with the same verbs, files and clock.
node cannot map a file, so the count is written every 5 ms at most, with the exact instant of the
last task. One process is one Worker; the harness starts as many as a case asks for. */

import { appendFileSync, existsSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Queue, Worker } from "bullmq";

const PAYLOAD_BYTES = 200;
const PARALLEL = 50;
const BULK_SIZE = 500;
const WARM_UP_TASKS = 100;
const LATENCY_WARM_UP_TASKS = 20;
const HOLD_MS = 600_000;
const FLUSH_MS = 5;

const folder = process.env.BENCH_DIR ?? ".";
const mode = process.env.BENCH_MODE ?? "count";
const connection = { host: "127.0.0.1", port: Number(process.env.BENCH_PORT ?? 6379) };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* -- counting -- */

const slot = new BigUint64Array(3);
let counted = 0;
let last = 0n;
let file;
let flushing = false;

function flush() {
  flushing = false;
  slot[0] = BigInt(counted);
  slot[2] = last;
  writeSync(file, new Uint8Array(slot.buffer), 0, 24, 0);
}

function count() {
  last = process.hrtime.bigint();
  counted += 1;
  if (file === undefined) {
    file = openSync(join(folder, `count-${process.pid}`), "w");
    slot[1] = last;
  }
  if (!flushing) {
    flushing = true;
    setTimeout(flush, FLUSH_MS);
  }
}

async function handler(job) {
  if (mode === "count") {
    count();
    return;
  }
  const [head] = job.data.p.split(":", 1);
  if (mode === "latency") {
    const delay = process.hrtime.bigint() - BigInt(head);
    if (head !== "0") appendFileSync(join(folder, "delays"), `${delay}\n`);
    count();
    return;
  }
  appendFileSync(join(folder, "held"), `${head} ${process.pid} ${process.hrtime.bigint()}\n`);
  count();
  if (existsSync(join(folder, "hold-gate"))) await sleep(HOLD_MS);
}

/* -- producing -- */

function payloads(total, marker) {
  const texts = [];
  for (let index = 0; index < total; index += 1) {
    texts.push(`${marker}-${String(index).padStart(6, "0")}:`.padEnd(PAYLOAD_BYTES, "x"));
  }
  return texts;
}

async function produce(how, total) {
  const queue = new Queue("bench", {
    connection,
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    streams: { events: { maxLen: 0 } },
  });
  await queue.waitUntilReady();
  const add = (p) => queue.add("noop", { p });
  const addBulk = (texts) => queue.addBulk(texts.map((p) => ({ name: "noop", data: { p } })));
  const parallel = (texts) =>
    Promise.all(
      Array.from({ length: PARALLEL }, async (_, first) => {
        for (let index = first; index < texts.length; index += PARALLEL) await add(texts[index]);
      }),
    );
  if (how === "latency") {
    for (let index = 0; index < LATENCY_WARM_UP_TASKS; index += 1) {
      await add("0:".padEnd(PAYLOAD_BYTES, "x"));
    }
    for (let index = 0; index < total; index += 1) {
      await sleep(30 + Math.random() * 40);
      await add(`${process.hrtime.bigint()}:`.padEnd(PAYLOAD_BYTES, "x"));
    }
    return 0;
  }
  const texts = payloads(total, how === "held" ? "held" : "task");
  const warmUp = payloads(WARM_UP_TASKS, "warm");
  if (how === "bulk") await addBulk(warmUp);
  if (how === "parallel") await parallel(warmUp);
  if (how === "one") for (const p of warmUp) await add(p);
  const started = performance.now();
  if (how === "bulk" || how === "fill") {
    for (let first = 0; first < total; first += BULK_SIZE) {
      await addBulk(texts.slice(first, first + BULK_SIZE));
    }
  } else if (how === "parallel") await parallel(texts);
  else for (const p of texts) await add(p);
  return (performance.now() - started) / 1000;
}

const [verb, how, total] = process.argv.slice(2);
if (verb === "produce") {
  const seconds = await produce(how, Number(total));
  process.stdout.write(`${JSON.stringify({ count: Number(total), seconds })}\n`, () =>
    process.exit(0),
  );
} else {
  const worker = new Worker("bench", handler, {
    connection,
    concurrency: Number(process.env.BENCH_CONCURRENCY ?? 10),
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  });
  worker.on("error", (error) => console.error(error));
}
