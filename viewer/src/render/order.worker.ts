/** Sorts off the main thread: `SceneMessage`s and `SortMessage`s in, one `SortedMessage` for each of the latter out. */
import { Order, type Sortable } from "./order.ts";
import type { View } from "./view.ts";

export interface SceneMessage {
  kind: "scene";
  from: number;
  rows: Sortable;
}

export interface SortMessage {
  kind: "sort";
  view: View;
  budget: number;
  /** Memory that may be used for the answer. */
  spare: Uint32Array<ArrayBuffer> | null;
}

export interface SortedMessage {
  order: Uint32Array<ArrayBuffer>;
}

const order = new Order();

self.onmessage = ({ data }: MessageEvent<SceneMessage | SortMessage>) => {
  if (data.kind === "scene") {
    order.set(data.from, data.rows);
    return;
  }
  const sorted: SortedMessage = { order: order.sort(data.view, data.budget, data.spare ?? undefined) };
  self.postMessage(sorted, { transfer: [sorted.order.buffer] });
};
