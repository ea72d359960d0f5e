import { BlockQueue } from "./block_queue.ts";
import { Decoder } from "./decoder.ts";
import { FormatFault } from "./faults.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

const scope = self as unknown as { onmessage: (event: MessageEvent<ToWorker>) => void; postMessage(message: FromWorker, transfer?: Transferable[]): void };

const early: ToWorker[] = [];
let queue: BlockQueue | null = null;
let finishing = false;
let working = false;

async function open(module: WebAssembly.Module, head: Uint8Array): Promise<void> {
  const decoder = await Decoder.of(module);
  queue = new BlockQueue(decoder, decoder.open(head), (index, rows) => scope.postMessage({ kind: "rows", index, rows }, [rows.buffer]));
  for (const message of early.splice(0)) accept(message);
}

function accept(message: ToWorker): void {
  if (message.kind === "open") void open(message.module, message.head).catch(fail);
  else if (queue === null) early.push(message);
  else if (message.kind === "section") queue.add(message.index, message.payload);
  else finishing = true;
  if (!working && queue !== null) void work(queue).catch(fail);
}

async function work(own: BlockQueue): Promise<void> {
  working = true;
  for (;;) {
    own.step();
    await turn();
    if (!own.empty) continue;
    own.flush();
    break;
  }
  working = false;
  if (finishing && own.empty) scope.postMessage({ kind: "finished" });
}

/** Lets messages that have come be heard. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = (): void => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

function fail(error: unknown): void {
  const fault = error instanceof FormatFault ? { kind: error.kind, field: error.field, expected: error.expected, found: error.found } : null;
  scope.postMessage({ kind: "fault", fault, message: (error as Error).message });
}

scope.onmessage = (event): void => accept(event.data);
